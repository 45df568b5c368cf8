"""Which GPUs a machine shows, found without loading torch."""

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
    """The GPUs that processes here may be pinned to, as entries of `CUDA_VISIBLE_DEVICES`, in its order.

    Without that variable, every GPU by its number; one that is divided (MIG), by the names of its parts, of which CUDA
    shows a process no more than one. With it, CUDA's own rule: the list ends at the first entry that is no GPU (an
    empty one, -1, a number too high). One that is named twice counts once.
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
    """What `nvidia-smi`, which asks the driver, says of every GPU; None where it says nothing of any.

    It fails where one GPU of several has failed, and lists the others all the same.
    """
    try:
        # Ten seconds: a driver without persistence mode wakes the cards up first.
        told = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.SubprocessError):
        return None
    return told.stdout if told.returncode == 0 or _GPU.search(told.stdout) else None


def _driver_gpus() -> int:
    return len(list(DRIVER_GPUS.iterdir())) if DRIVER_GPUS.is_dir() else 0
