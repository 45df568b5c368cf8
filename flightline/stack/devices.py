"""What `flightline up` starts on a machine: workers on which devices, and how many predictors."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import NamedTuple

from flightline.cli.tables import plural
from flightline.errors import UsageError

MOST_CPU_WORKERS = 4
_FORMS = "cpu=2, cuda=all, cpu=1,cuda=2, cpu=2,predict=1 or none"


class WorkerPlan(NamedTuple):
    """The workers to start: the device of each, such as ``("cuda:0", "cpu")``, and the number of predictors."""

    devices: tuple[str, ...]
    predictors: int


def cpu_count() -> int:
    """The number of processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def plan_workers(wanted: str | None, *, gpus: int, cores: int) -> WorkerPlan:
    """The workers and predictors to start.

    Args:
        wanted: ``cpu=2``, ``cuda=all``, ``cpu=1,cuda=2``, ``cpu=2,predict=1``, ``none``. Where no device is named, the
            machine decides: every GPU and one CPU worker, or one CPU worker a core and at most four where there is no
            GPU. Where `predict` is not named, there is one predictor.
        gpus: how many there are.
        cores: how many processor cores there are.

    Raises:
        UsageError: `wanted` has none of these forms, or asks for more GPUs than there are.
    """
    if wanted is not None and wanted.strip() in {"none", "0"}:
        return WorkerPlan((), 0)
    counts = {} if wanted is None else _counts(wanted, gpus)
    predictors = counts.pop("predict", 1)
    if not counts:
        counts = {"cuda": gpus, "cpu": 1 if gpus else min(MOST_CPU_WORKERS, max(1, cores))}
    return WorkerPlan(_devices(counts), predictors)


def _devices(counts: Mapping[str, int]) -> tuple[str, ...]:
    return (*(f"cuda:{index}" for index in range(counts.get("cuda", 0))), *["cpu"] * counts.get("cpu", 0))


def _counts(wanted: str, gpus: int) -> dict[str, int]:
    counts = {}
    for part in wanted.split(","):
        match = re.fullmatch(r"\s*(cpu|cuda|predict)\s*=\s*(all|\d{1,3})\s*", part)
        if match is None or (match[1] != "cuda" and match[2] == "all"):
            raise UsageError(f"--workers {wanted!r} is not understood. Write {_FORMS}.")
        counts[match[1]] = gpus if match[2] == "all" else int(match[2])
    if counts.get("cuda", 0) > gpus:
        raise UsageError(
            f"--workers asks for {plural(counts['cuda'], 'CUDA worker')}; this machine has {plural(gpus, 'GPU')}."
        )
    return counts
