"""Which GPUs a machine shows, found without loading torch."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

DRIVER_GPUS = Path("/proc/driver/nvidia/gpus")


def visible_gpus(environment: Mapping[str, str] = os.environ) -> tuple[str, ...]:
    """The GPUs that torch would see, as entries of `CUDA_VISIBLE_DEVICES`, in its order.

    CUDA's own rule: the list ends at the first entry that is no GPU (an empty one, -1, a number too high).
    """
    installed = _installed_gpus()
    visible = environment.get("CUDA_VISIBLE_DEVICES")
    if visible is None:
        return tuple(str(index) for index in range(installed))
    names: list[str] = []
    for entry in visible.split(",") if installed else ():
        name = entry.strip()
        if not (name.startswith(("GPU-", "MIG-")) or (name.isdigit() and int(name) < installed)):
            break
        names.append(name)
    return tuple(names)


def _installed_gpus() -> int:
    """GPUs by `nvidia-smi`, which asks the driver; where there is no such tool, by the driver's folder."""
    try:
        # Ten seconds: a driver without persistence mode wakes the cards up first.
        listing = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, timeout=10, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return len(list(DRIVER_GPUS.iterdir())) if DRIVER_GPUS.is_dir() else 0
    return len(re.findall(r"^GPU \d+:", listing, flags=re.MULTILINE))
