"""The learning rate of each step: a function of the step's number, so a schedule has no state to save."""

from __future__ import annotations

import math

from worker.training.plan import SchedulePlan


def learning_rates(plan: SchedulePlan, lr: float, epoch: int, epochs: int, steps: int) -> list[float]:
    """The rates of all `steps` steps of epoch 1 … epochs, for an optimizer whose own rate is `lr`.

    step: times gamma after every `step_epochs` epochs (PyTorch's StepLR). cosine: half a wave from `lr` towards
    `min_lr`, which would be reached after the last epoch (Loshchilov and Hutter, 2017; PyTorch's CosineAnnealingLR with
    T_max = epochs). one_cycle: up to `lr` and down again, step by step over the whole run (Smith and Topin, 2017;
    PyTorch's OneCycleLR with max_lr = `lr`, total_steps = epochs · steps and cycle_momentum = False).
    """
    if plan.kind == "one_cycle":
        done = (epoch - 1) * steps
        return [_one_cycle(plan, lr, number, epochs * steps) for number in range(done, done + steps)]
    return [_rate_of_epoch(plan, lr, epoch - 1, epochs)] * steps


def _rate_of_epoch(plan: SchedulePlan, lr: float, done: int, epochs: int) -> float:
    if plan.kind == "step":
        return lr * plan.gamma ** (done // plan.step_epochs)
    if plan.kind == "cosine":
        return plan.min_lr + (lr - plan.min_lr) * (1 + math.cos(math.pi * done / epochs)) / 2
    return lr


def _one_cycle(plan: SchedulePlan, peak: float, number: int, total: int) -> float:
    """The rate of step `number` (from 0) of `total`."""
    start = peak / plan.div_factor
    top, last = plan.pct_start * total - 1, total - 1  # the numbers, not always whole, of the steps at the bends
    if number > top:
        return _between(plan, peak, start / plan.final_div_factor, (number - top) / (last - top))
    # A rise that ends with the first step is none: that step has the peak's rate. (PyTorch divides by zero.)
    return _between(plan, start, peak, number / top if top else 1.0)


def _between(plan: SchedulePlan, start: float, end: float, share: float) -> float:
    """What lies after this share of the way from one rate to another."""
    if plan.anneal_strategy == "linear":
        return start + (end - start) * share
    return end + (start - end) * (1 + math.cos(math.pi * share)) / 2
