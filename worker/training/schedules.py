"""The learning rate of an epoch: a function of its number, so a schedule has no state to save."""

from __future__ import annotations

import math

from worker.training.plan import SchedulePlan


def learning_rate(plan: SchedulePlan, lr: float, epoch: int, epochs: int) -> float:
    """The rate in epoch 1 … epochs, starting from `lr`.

    step: times gamma after every `step_epochs` epochs (PyTorch's StepLR). cosine: half a wave from `lr` towards
    `min_lr`, which would be reached after the last epoch (Loshchilov and Hutter, 2017; PyTorch's CosineAnnealingLR with
    T_max = epochs).
    """
    done = epoch - 1
    if plan.kind == "step":
        return lr * plan.gamma ** (done // plan.step_epochs)
    if plan.kind == "cosine":
        return plan.min_lr + (lr - plan.min_lr) * (1 + math.cos(math.pi * done / epochs)) / 2
    return lr
