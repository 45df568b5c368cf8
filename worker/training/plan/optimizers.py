"""Optimizers: each class has the fields of `torch.optim`'s class that it is named after."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, TypeAlias


@dataclass(frozen=True)
class SgdPlan:
    """Stochastic gradient descent, with or without momentum."""

    kind: ClassVar[str] = "sgd"
    lr: float = 0.01
    momentum: float = 0.0
    nesterov: bool = False
    weight_decay: float = 0.0


@dataclass(frozen=True)
class AdamPlan:
    """Adam; weight decay is added to the gradient."""

    kind: ClassVar[str] = "adam"
    lr: float = 0.001
    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-8
    weight_decay: float = 0.0


@dataclass(frozen=True)
class AdamWPlan:
    """Adam; weight decay is taken off the weights."""

    kind: ClassVar[str] = "adamw"
    lr: float = 0.001
    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-8
    weight_decay: float = 0.01


@dataclass(frozen=True)
class RmsPropPlan:
    """RMSprop; weight decay is added to the gradient."""

    kind: ClassVar[str] = "rmsprop"
    lr: float = 0.01
    alpha: float = 0.99
    eps: float = 1e-8
    weight_decay: float = 0.0
    momentum: float = 0.0
    centered: bool = False


@dataclass(frozen=True)
class NAdamPlan:
    """Adam with Nesterov's momentum; weight decay is added to the gradient."""

    kind: ClassVar[str] = "nadam"
    lr: float = 0.002
    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-8
    weight_decay: float = 0.0
    momentum_decay: float = 0.004


OptimizerPlan: TypeAlias = SgdPlan | AdamPlan | AdamWPlan | RmsPropPlan | NAdamPlan
"""An optimizer of any kind; each has a learning rate `lr` and a `weight_decay`."""
