"""Which workers a machine gets, found without loading torch."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

from flightline.errors import UsageError

MOST_CPU_WORKERS = 4
DRIVER_GPUS = Path("/proc/driver/nvidia/gpus")


def gpu_count(environment: Mapping[str, str] = os.environ) -> int:
    """How many GPUs torch would see: `CUDA_VISIBLE_DEVICES` where it is set, else what the driver lists."""
    visible = environment.get("CUDA_VISIBLE_DEVICES")
    return _installed_gpus() if visible is None else _visible_gpus(visible, _installed_gpus())


def _visible_gpus(visible: str, installed: int) -> int:
    """CUDA's own rule: the list ends at the first entry that is no GPU (an empty one, -1, a number too high)."""
    count = 0
    for entry in visible.split(","):
        name = entry.strip()
        if not (name.startswith(("GPU-", "MIG-")) or (name.isdigit() and int(name) < installed)):
            break
        count += 1
    return count if installed else 0


def _installed_gpus() -> int:
    """GPUs by `nvidia-smi`, which asks the driver; where there is no such tool, by the driver's folder."""
    try:
        # Ten seconds: a driver without persistence mode wakes the cards up first.
        listing = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, timeout=10, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return len(list(DRIVER_GPUS.iterdir())) if DRIVER_GPUS.is_dir() else 0
    return len(re.findall(r"^GPU \d+:", listing, flags=re.MULTILINE))


def cpu_count() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def plan_workers(wanted: str | None, *, gpus: int, cores: int) -> tuple[str, ...]:
    """The devices to start a worker for, in order, such as ``("cuda:0", "cpu")``.

    Args:
        wanted: ``cpu=2``, ``cuda=all``, ``cpu=1,cuda=2``, ``none``; None leaves it to the machine: every GPU and one
            CPU worker, or one CPU worker a core and at most four where there is no GPU.
        gpus: how many there are.
        cores: how many processor cores there are.

    Raises:
        UsageError: it means nothing, or asks for a GPU that is not there.
    """
    if wanted is None:
        counts = {"cuda": gpus, "cpu": 1 if gpus else min(MOST_CPU_WORKERS, max(1, cores))}
    else:
        counts = _counts(wanted, gpus)
    return (*(f"cuda:{index}" for index in range(counts.get("cuda", 0))), *["cpu"] * counts.get("cpu", 0))


def _counts(wanted: str, gpus: int) -> dict[str, int]:
    if wanted.strip() in {"none", "0"}:
        return {}
    counts = {}
    for part in wanted.split(","):
        match = re.fullmatch(r"\s*(cpu|cuda)\s*=\s*(all|\d{1,3})\s*", part)
        if match is None or (match[1], match[2]) == ("cpu", "all"):
            raise UsageError(f"--workers {wanted!r} is not understood. Write cpu=2, cuda=all, cpu=1,cuda=2 or none.")
        counts[match[1]] = gpus if match[2] == "all" else int(match[2])
    if counts.get("cuda", 0) > gpus:
        raise UsageError(f"--workers asks for {counts['cuda']} CUDA workers, and this machine shows {gpus} GPUs.")
    return counts
