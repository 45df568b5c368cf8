"""Schedules: functions of the epoch that equal torch's own classes."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn
from torch.optim import lr_scheduler

from worker.training.plan import SchedulePlan
from worker.training.schedules import learning_rate

EPOCHS = 25


def rates_of_torch(make: Callable[..., lr_scheduler.LRScheduler], **options: float) -> list[float]:
    """What a torch scheduler uses in epochs 1 to EPOCHS, from 0.5 on."""
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.5)
    scheduler = make(optimizer, **options)
    rates = []
    for _ in range(EPOCHS):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return rates


def rates(plan: SchedulePlan) -> list[float]:
    """What ours uses in the same epochs."""
    return [learning_rate(plan, 0.5, epoch, EPOCHS) for epoch in range(1, EPOCHS + 1)]


def test_constant_never_changes() -> None:
    """The rate is the optimizer's in every epoch."""
    assert rates(SchedulePlan()) == [0.5] * EPOCHS


def test_step_is_torchs_steplr() -> None:
    """Cut by gamma after every step_epochs epochs."""
    expected = rates_of_torch(lr_scheduler.StepLR, step_size=7, gamma=0.3)
    assert rates(SchedulePlan("step", step_epochs=7, gamma=0.3)) == pytest.approx(expected, rel=1e-12)


def test_cosine_is_torchs_cosine_annealing() -> None:
    """Half a wave over all epochs, from the optimizer's rate towards the lowest one."""
    expected = rates_of_torch(lr_scheduler.CosineAnnealingLR, T_max=EPOCHS, eta_min=0.01)
    assert rates(SchedulePlan("cosine", min_lr=0.01)) == pytest.approx(expected, rel=1e-9)


def test_cosine_of_one_epoch_uses_the_whole_rate() -> None:
    """The shortest run learns, too."""
    assert learning_rate(SchedulePlan("cosine"), 0.5, 1, 1) == 0.5
