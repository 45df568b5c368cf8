"""Schedules of the learning rate; `optim.schedules` has their formulas."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, TypeAlias

Anneal: TypeAlias = Literal["cos", "linear"]


@dataclass(frozen=True)
class ConstantPlan:
    """The optimizer's own rate all along."""

    kind: ClassVar[str] = "constant"
    per_step: ClassVar[bool] = False


@dataclass(frozen=True)
class StepPlan:
    """Times `gamma` after every `step_epochs` epochs."""

    kind: ClassVar[str] = "step"
    per_step: ClassVar[bool] = False
    step_epochs: int = 30
    gamma: float = 0.1


@dataclass(frozen=True)
class CosinePlan:
    """Half a cosine wave down towards `min_lr`, epoch by epoch."""

    kind: ClassVar[str] = "cosine"
    per_step: ClassVar[bool] = False
    min_lr: float = 0.0


@dataclass(frozen=True)
class OneCyclePlan:
    """Up to the optimizer's rate and down again, step by step."""

    kind: ClassVar[str] = "one_cycle"
    per_step: ClassVar[bool] = True
    pct_start: float = 0.3
    anneal_strategy: Anneal = "cos"
    div_factor: float = 25.0
    final_div_factor: float = 10_000.0


@dataclass(frozen=True)
class WarmupCosinePlan:
    """Up to the optimizer's rate in a line, then half a cosine wave down to `min_lr`, step by step."""

    kind: ClassVar[str] = "warmup_cosine"
    per_step: ClassVar[bool] = True
    warmup_epochs: float = 5.0
    min_lr: float = 0.0


SchedulePlan: TypeAlias = ConstantPlan | StepPlan | CosinePlan | OneCyclePlan | WarmupCosinePlan
"""Every kind says by `per_step` whether the rate changes within an epoch."""
