"""How many batches make a block: a figure of the plan alone, since rounding and checkpoints depend on it."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from worker.training.plan import TrainingPlan

_MOST = 8
_ROWS = 512  # the Gram matrix' share of the work grows with the rows
_FLOPS = 10e9  # a quarter of a second at 40 GFLOP/s: boundaries come no further apart


def batches_in_a_block(plan: TrainingPlan, weights: Sequence[Sequence[int]]) -> int:
    """1 or more, for linear layers with weights of these shapes."""
    flops = 6 * plan.batch_size * sum(prod(shape) for shape in weights)
    return max(1, min(_MOST, _ROWS // plan.batch_size, int(_FLOPS // flops)))
