"""How many batches make a block: a figure of the plan alone, since rounding and checkpoints depend on it."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from worker.training.plan import SgdPlan, TrainingPlan

_MOST = 8
_ROWS = {"bf16": 384, "fp32": 256, "tf32": 256}
"""The most rows in a block. The Gram matrix' share of the work grows with it and falls with the first layer's width."""
_FLOPS = 12e9  # a quarter of a second at 48 GFLOP/s: boundaries come no further apart

_MOST_RECORDED, _ROWS_RECORDED = 16, 4096  # the first of each shape are computed, forty times as slowly
_ROWS_LAZY = 512
_FLOPS_RECORDED = 1e12  # a quarter of a second at 4 TFLOP/s


def batches_in_a_block(plan: TrainingPlan, weights: Sequence[Sequence[int]], *, recorded: bool = False) -> int:
    """How many batches (1 or more) make a block, for linear layers with weights (O, I) of these shapes, in order."""
    flops = 6 * plan.batch_size * sum(prod(shape) for shape in weights)
    if recorded:
        return max(1, min(recorded_batches(plan), int(_FLOPS_RECORDED // flops)))
    if _decays_fast(plan) or _decays_unevenly(plan):
        return 1
    rows = min(_ROWS[plan.precision], weights[0][0] // 2)
    return max(1, min(_MOST, rows // plan.batch_size, int(_FLOPS // flops)))


def recorded_batches(plan: TrainingPlan) -> int:
    """How many batches (1 or more) are recorded as one graph, for any network."""
    return max(1, min(_MOST_RECORDED, _ROWS_RECORDED // plan.batch_size))


def recorded_lazy_batches(plan: TrainingPlan, weight: Sequence[int]) -> int:
    """How many recorded batches (1 or more) pass before the first layer's weight (O, I) changes.

    More than one for plain SGD on a GPU's tensor cores, to which products of few rows are too small. In full precision
    the Gram matrix would cost more than it saves.
    """
    optimizer = plan.optimizer
    plain = isinstance(optimizer, SgdPlan) and not optimizer.momentum and not optimizer.weight_decay
    if not plain or plan.precision == "fp32":
        return 1
    return max(1, min(_MOST, _ROWS_LAZY // plan.batch_size, weight[1] // 2 // plan.batch_size))


def _decays_fast(plan: TrainingPlan) -> bool:
    """Whether a step shrinks weights so much that dividing by the factor, as `first_layer` does, would cost digits."""
    return plan.optimizer.weight_decay * plan.optimizer.lr > 0.1


def _decays_unevenly(plan: TrainingPlan) -> bool:
    """Whether each step shrinks weights by another factor: `first_layer` takes one factor for a block."""
    return plan.optimizer.weight_decay > 0 and plan.schedule.per_step
