"""The tiny job as a plain function, which other systems run without Flightline."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from benchmarks.support.stack.service import TINY
from shared.jobspec import Caps, parse_spec
from shared.settings import Settings


def run() -> float:
    """Train and evaluate it, the data being kept in the process. Returns the seconds of its epochs."""
    import torch  # noqa: PLC0415 -- as in our workers, only in the process that trains

    from worker.training.data import load  # noqa: PLC0415
    from worker.training.trainer import train  # noqa: PLC0415

    plan, settings = _plan(), Settings()
    data = load(plan.dataset, settings.datasets_dir, settings.cache_dir)
    seconds: list[float] = []
    train(plan, data, torch.device("cpu"), on_epoch=lambda epoch: seconds.append(epoch.seconds), check=lambda: None)
    return sum(seconds)


@lru_cache
def _plan() -> Any:
    from worker.training.plan import plan_from_spec  # noqa: PLC0415

    return plan_from_spec(parse_spec(TINY, Caps()).document)
