"""Schedules: functions of the step that equal torch's own classes."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn
from torch.optim import lr_scheduler

from worker.training.optim.schedules import learning_rates
from worker.training.plan import ConstantPlan, CosinePlan, OneCyclePlan, SchedulePlan, StepPlan, WarmupCosinePlan

EPOCHS = 25


def rates_of_torch(make: Callable[..., lr_scheduler.LRScheduler], count: int = EPOCHS, **options: Any) -> list[float]:
    """What a torch scheduler uses in so many epochs, or steps, from 0.5 on."""
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.5)
    scheduler = make(optimizer, **options)
    rates = []
    for number in range(count):
        rates.append(float(optimizer.param_groups[0]["lr"]))
        optimizer.step()
        if number + 1 < count:
            scheduler.step()
    return rates


def rates(plan: SchedulePlan) -> list[float]:
    """What ours uses in the same epochs, each of which keeps to its rate."""
    found = []
    for epoch in range(1, EPOCHS + 1):
        steps = learning_rates(plan, 0.5, epoch, EPOCHS, steps=3)
        assert steps == [steps[0]] * 3
        found.append(steps[0])
    return found


def every_step(plan: SchedulePlan, epochs: int, steps: int) -> list[float]:
    """Our rates, epoch by epoch, in a row."""
    return [rate for epoch in range(1, epochs + 1) for rate in learning_rates(plan, 0.5, epoch, epochs, steps)]


def test_constant_never_changes() -> None:
    """The rate is the optimizer's in every epoch."""
    assert rates(ConstantPlan()) == [0.5] * EPOCHS


def test_step_is_torchs_steplr() -> None:
    """Cut by gamma after every step_epochs epochs."""
    expected = rates_of_torch(lr_scheduler.StepLR, step_size=7, gamma=0.3)
    assert rates(StepPlan(step_epochs=7, gamma=0.3)) == pytest.approx(expected, rel=1e-12)


def test_cosine_is_torchs_cosine_annealing() -> None:
    """Half a wave over all epochs, from the optimizer's rate towards the lowest one."""
    expected = rates_of_torch(lr_scheduler.CosineAnnealingLR, T_max=EPOCHS, eta_min=0.01)
    assert rates(CosinePlan(min_lr=0.01)) == pytest.approx(expected, rel=1e-9)


def test_cosine_of_one_epoch_uses_the_whole_rate() -> None:
    """The shortest run learns, too."""
    assert learning_rates(CosinePlan(), 0.5, 1, 1, 2) == [0.5, 0.5]


@pytest.mark.parametrize("anneal_strategy", ["cos", "linear"])
@pytest.mark.parametrize("epochs, steps", [(2, 1), (1, 7), (4, 25), (10, 10)])
@pytest.mark.parametrize("pct_start", [0.0, 0.05, 0.3, 0.77, 1.0])
def test_one_cycle_is_torchs_one_cycle(pct_start: float, epochs: int, steps: int, anneal_strategy: Any) -> None:
    """In every step of every epoch, up and down again, wherever the bend lies."""
    options = {"pct_start": pct_start, "anneal_strategy": anneal_strategy, "div_factor": 7.0, "final_div_factor": 300.0}
    total: dict[str, Any] = {"max_lr": 0.5, "total_steps": epochs * steps, "cycle_momentum": False}
    expected = rates_of_torch(lr_scheduler.OneCycleLR, epochs * steps, **total, **options)
    assert every_step(OneCyclePlan(**options), epochs, steps) == pytest.approx(expected, rel=1e-12)


def test_one_cycle_has_torchs_defaults() -> None:
    """Those of the plan, which are those of a job."""
    expected = rates_of_torch(lr_scheduler.OneCycleLR, 90, max_lr=0.5, total_steps=90, cycle_momentum=False)
    assert every_step(OneCyclePlan(), 3, 30) == pytest.approx(expected, rel=1e-12)


def test_a_rise_of_one_step_starts_at_the_peak() -> None:
    """Where torch's own class divides by zero."""
    assert every_step(OneCyclePlan(pct_start=0.25), 2, 2) == pytest.approx([0.5, 0.375, 0.125, 2e-6], 1e-4)


@pytest.mark.parametrize("warmup_epochs", [0.2, 1, 3.4, 24])
def test_warmup_cosine_is_torchs_line_and_cosine(warmup_epochs: float) -> None:
    """LinearLR, then CosineAnnealingLR; whole steps of warm-up, in whole epochs or not."""
    steps = 5
    warmup, total = round(warmup_epochs * steps), EPOCHS * steps

    def both(optimizer: torch.optim.Optimizer) -> lr_scheduler.LRScheduler:
        line = lr_scheduler.LinearLR(optimizer, start_factor=1 / (warmup + 1), total_iters=warmup)
        wave = lr_scheduler.CosineAnnealingLR(optimizer, total - warmup, eta_min=0.01)
        return lr_scheduler.SequentialLR(optimizer, [line, wave], [warmup])

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's own: SequentialLR calls its parts in a way that they warn of
        expected = rates_of_torch(both, total)
    plan = WarmupCosinePlan(warmup_epochs=warmup_epochs, min_lr=0.01)
    assert every_step(plan, EPOCHS, steps) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("warmup_epochs", [0.0, 0.5, 1.3])
def test_warmup_cosine_is_its_formula(warmup_epochs: float) -> None:
    """Also where the warm-up ends between two steps, and without any."""

    def share(number: int) -> float:
        warmup, total = 3 * warmup_epochs, 12
        if number < warmup:
            return (number + 1) / (warmup + 1)
        return (1 + math.cos(math.pi * (number - warmup) / (total - warmup))) / 2

    expected = rates_of_torch(lr_scheduler.LambdaLR, 12, lr_lambda=share)
    assert every_step(WarmupCosinePlan(warmup_epochs=warmup_epochs), 4, 3) == pytest.approx(expected, rel=1e-12)
