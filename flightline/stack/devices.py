"""The devices that `flightline up` starts workers for."""

from __future__ import annotations

import os
import re

from flightline.cli.tables import plural
from flightline.errors import UsageError

MOST_CPU_WORKERS = 4


def cpu_count() -> int:
    """The number of processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def plan_workers(wanted: str | None, *, gpus: int, cores: int) -> tuple[str, ...]:
    """The devices to start a worker for, in order, such as ``("cuda:0", "cpu")``.

    Args:
        wanted: ``cpu=2``, ``cuda=all``, ``cpu=1,cuda=2``, ``none``; None leaves it to the machine: every GPU and one
            CPU worker, or one CPU worker a core and at most four where there is no GPU.
        gpus: how many there are.
        cores: how many processor cores there are.

    Raises:
        UsageError: `wanted` has none of these forms, or asks for more GPUs than there are.
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
        raise UsageError(
            f"--workers asks for {plural(counts['cuda'], 'CUDA worker')}; this machine has {plural(gpus, 'GPU')}."
        )
    return counts
