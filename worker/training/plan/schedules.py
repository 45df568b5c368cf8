"""Plans of the learning rate's schedule; `optim.schedules` has their formulas."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, TypeAlias

Anneal: TypeAlias = Literal["cos", "linear"]


@dataclass(frozen=True)
class ConstantPlan:
    """The optimizer's own rate in every step."""

    kind: ClassVar[str] = "constant"
    per_step: ClassVar[bool] = False


@dataclass(frozen=True)
class StepPlan:
    """The rate is multiplied by `gamma` after every `step_epochs` epochs."""

    kind: ClassVar[str] = "step"
    per_step: ClassVar[bool] = False
    step_epochs: int = 30
    gamma: float = 0.1


@dataclass(frozen=True)
class CosinePlan:
    """The rate falls by half a cosine wave towards `min_lr`, epoch by epoch."""

    kind: ClassVar[str] = "cosine"
    per_step: ClassVar[bool] = False
    min_lr: float = 0.0


@dataclass(frozen=True)
class OneCyclePlan:
    """The rate rises to the optimizer's own and falls again, step by step."""

    kind: ClassVar[str] = "one_cycle"
    per_step: ClassVar[bool] = True
    pct_start: float = 0.3
    anneal_strategy: Anneal = "cos"
    div_factor: float = 25.0
    final_div_factor: float = 10_000.0


@dataclass(frozen=True)
class WarmupCosinePlan:
    """The rate rises linearly to the optimizer's own, then falls by half a cosine wave to `min_lr`, step by step."""

    kind: ClassVar[str] = "warmup_cosine"
    per_step: ClassVar[bool] = True
    warmup_epochs: float = 5.0
    min_lr: float = 0.0


SchedulePlan: TypeAlias = ConstantPlan | StepPlan | CosinePlan | OneCyclePlan | WarmupCosinePlan
"""A schedule of any kind; `per_step` says whether the rate changes within an epoch."""
