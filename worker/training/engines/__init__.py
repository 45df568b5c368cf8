"""Engines: ways to run an epoch's steps. An engine may be faster than the reference, never different."""

from __future__ import annotations

import torch

from worker.training.engines.base import Engine
from worker.training.engines.fused.program import FusedEngine
from worker.training.engines.graphs import GraphsEngine
from worker.training.engines.reference import ReferenceEngine
from worker.training.engines.resident.autograd import ResidentEngine
from worker.training.errors import InvalidPlan
from worker.training.plan import TrainingPlan

__all__ = ["ENGINES", "Engine", "choose", "may_resume"]

ENGINES: dict[str, type[Engine]] = {
    engine.name: engine for engine in (GraphsEngine, FusedEngine, ResidentEngine, ReferenceEngine)
}
"""Every engine by its name, the fastest first."""


def choose(asked: str, plan: TrainingPlan, device: torch.device) -> type[Engine]:
    """The engine of this name; for "auto" the fastest that can run the plan.

    The choice depends on the plan and the kind of device alone, so that every attempt at a job takes the same engine.

    Raises:
        InvalidPlan: the name is unknown, or its engine cannot run this plan on this device.
    """
    if asked == "auto":
        return next(engine for engine in ENGINES.values() if engine.fits(plan, device))
    if asked not in ENGINES:
        raise InvalidPlan(f"unknown engine {asked!r}; this worker has {', '.join(ENGINES)}")
    if not ENGINES[asked].fits(plan, device):
        raise InvalidPlan(f"the engine {asked} cannot run this network on {device.type}; auto takes one that can")
    return ENGINES[asked]


def may_resume(name: str, plan: TrainingPlan, device: torch.device) -> bool:
    """Whether a run that another engine began continues with that engine: only where the plan says "auto".

    Otherwise a release with a faster engine would start every running job from its beginning.
    """
    return plan.engine == "auto" and name in ENGINES and ENGINES[name].fits(plan, device)
