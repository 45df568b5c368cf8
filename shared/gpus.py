"""The GPUs of a machine, listed without loading torch."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

DRIVER_GPUS = Path("/proc/driver/nvidia/gpus")
_GPU = re.compile(r"^GPU \d+:", re.MULTILINE)
_PART = re.compile(r"^\s+MIG .*\(UUID: (MIG-[^)]+)\)", re.MULTILINE)


def visible_gpus(environment: Mapping[str, str] = os.environ) -> tuple[str, ...]:
    """Return the GPUs that processes here may be pinned to, as entries of `CUDA_VISIBLE_DEVICES`, in its order.

    Without that variable: every GPU by its number, and a GPU divided by MIG by the names of its instances, of which
    CUDA shows a process only one. With it: CUDA's own rule, by which the list ends at the first entry that is not a
    GPU (an empty one, -1, a number too high). A GPU that is named twice counts once.
    """
    listing = _listing()
    installed = _driver_gpus() if listing is None else len(_GPU.findall(listing))
    visible = environment.get("CUDA_VISIBLE_DEVICES")
    if visible is None:
        return _every(listing, installed)
    names: list[str] = []
    for entry in visible.split(",") if installed else ():
        name = entry.strip()
        if not (name.startswith(("GPU-", "MIG-")) or (name.isdigit() and int(name) < installed)):
            break
        names.append(name)
    return tuple(dict.fromkeys(names))


def _every(listing: str | None, installed: int) -> tuple[str, ...]:
    if listing is None:
        return tuple(str(index) for index in range(installed))
    names: list[str] = []
    for index, block in enumerate(_GPU.split(listing)[1:]):
        names += _PART.findall(block) or [str(index)]
    return tuple(names)


def _listing() -> str | None:
    """Return `nvidia-smi`'s listing of all GPUs, which comes from the driver; None where it lists none.

    `nvidia-smi` exits with an error where one of several GPUs has failed, but still lists the others.
    """
    try:
        # Ten seconds: a driver without persistence mode wakes the cards up first.
        told = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.SubprocessError):
        return None
    return told.stdout if told.returncode == 0 or _GPU.search(told.stdout) else None


def _driver_gpus() -> int:
    return len(list(DRIVER_GPUS.iterdir())) if DRIVER_GPUS.is_dir() else 0
