"""The learning rate of each step: a function of the step's number, so a schedule has no state to save."""

from __future__ import annotations

import math
from typing import assert_never

from worker.training.plan import ConstantPlan, CosinePlan, OneCyclePlan, SchedulePlan, StepPlan, WarmupCosinePlan


def learning_rates(plan: SchedulePlan, lr: float, epoch: int, epochs: int, steps: int) -> list[float]:
    """The rates of all `steps` steps of epoch 1 … epochs, for an optimizer whose own rate is `lr`.

    step: times gamma after every `step_epochs` epochs (PyTorch's StepLR). cosine: half a wave from `lr` towards
    `min_lr`, which would be reached after the last epoch (Loshchilov and Hutter, 2017; PyTorch's CosineAnnealingLR with
    T_max = epochs). one_cycle: up to `lr` and down again, step by step over the whole run (Smith and Topin, 2017;
    PyTorch's OneCycleLR with max_lr = `lr`, total_steps = epochs · steps and cycle_momentum = False).
    warmup_cosine: of all T = epochs · steps steps, the first W = warmup_epochs · steps rise in a line, step n (from 0)
    having lr · (n + 1) / (W + 1); then, for n of W or more, half a wave from `lr` towards `min_lr`, which would be
    reached after the last step: min_lr + (lr - min_lr) · (1 + cos(π · (n - W) / (T - W))) / 2. W need not be whole.
    (PyTorch's LinearLR with start_factor = 1 / (W + 1) and total_iters = W, then CosineAnnealingLR with T_max = T - W.)
    """
    done = epoch - 1
    match plan:
        case ConstantPlan():
            return [lr] * steps
        case StepPlan():
            return [lr * plan.gamma ** (done // plan.step_epochs)] * steps
        case CosinePlan():
            return [_cosine(lr, plan.min_lr, math.pi * done / epochs)] * steps
        case OneCyclePlan():
            return [_one_cycle(plan, lr, done * steps + number, epochs * steps) for number in range(steps)]
        case WarmupCosinePlan():
            warmup = plan.warmup_epochs * steps
            return [_warmup_cosine(plan, lr, warmup, done * steps + number, epochs * steps) for number in range(steps)]
        case _:
            assert_never(plan)


def _cosine(start: float, end: float, angle: float) -> float:
    """The rate at this angle, from 0 to pi, of half a wave from one rate to another."""
    return end + (start - end) * (1 + math.cos(angle)) / 2


def _warmup_cosine(plan: WarmupCosinePlan, peak: float, warmup: float, number: int, total: int) -> float:
    """The rate of step `number` (from 0) of `total`, of which `warmup` rise."""
    if number < warmup:
        return peak * (number + 1) / (warmup + 1)
    return _cosine(peak, plan.min_lr, math.pi * (number - warmup) / (total - warmup))


def _one_cycle(plan: OneCyclePlan, peak: float, number: int, total: int) -> float:
    """The rate of step `number` (from 0) of `total`."""
    start = peak / plan.div_factor
    top, last = plan.pct_start * total - 1, total - 1  # the numbers, not always whole, of the steps at the bends
    if number > top:
        return _between(plan, peak, start / plan.final_div_factor, (number - top) / (last - top))
    # A rise that ends with the first step is none: that step has the peak's rate. (PyTorch divides by zero.)
    return _between(plan, start, peak, number / top if top else 1.0)


def _between(plan: OneCyclePlan, start: float, end: float, share: float) -> float:
    """The rate at `share` (0 to 1) of the way from one rate to another, by the plan's `anneal_strategy`."""
    match plan.anneal_strategy:
        case "linear":
            return start + (end - start) * share
        case "cos":
            return _cosine(start, end, math.pi * share)
        case _:
            assert_never(plan.anneal_strategy)
