"""Optimizers from a plan: PyTorch's own."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from worker.training.plan import OptimizerPlan


def build_optimizer(plan: OptimizerPlan, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
    """`torch.optim`'s SGD, Adam or AdamW over these parameters."""
    if plan.kind == "sgd":
        return torch.optim.SGD(
            parameters,
            lr=plan.lr,
            momentum=plan.momentum,
            nesterov=plan.nesterov,
            weight_decay=plan.weight_decay,
        )
    kind = torch.optim.Adam if plan.kind == "adam" else torch.optim.AdamW
    return kind(parameters, lr=plan.lr, betas=plan.betas, eps=plan.eps, weight_decay=plan.weight_decay)


def set_learning_rate(optimizer: torch.optim.Optimizer, lr: float | Tensor) -> None:
    """Use this learning rate for all parameters from the next step on."""
    for group in optimizer.param_groups:
        group["lr"] = lr
