"""How many batches make a block."""

from __future__ import annotations

import dataclasses

import pytest

from tests.unit.training.tiny import tiny_plan
from worker.training.engines.blocks import batches_in_a_block
from worker.training.plan import Precision

TAPERED = [(1024, 3072), (512, 1024), (128, 512), (2, 128)]


@pytest.mark.parametrize("precision, batches", [("fp32", 4), ("tf32", 4), ("bf16", 6)])
def test_the_tapered_network(precision: Precision, batches: int) -> None:
    """What measures fastest on it."""
    assert batches_in_a_block(tiny_plan(batch_size=64, precision=precision), TAPERED) == batches


@pytest.mark.parametrize(
    "batch_size, weights",
    [(64, [(16, 3072)]), (512, TAPERED), (64, [(2, 3072)]), (64, [(20_000, 3072), (2000, 20_000)])],
    ids=["narrow", "large batches", "linear", "huge"],
)
def test_where_blocks_do_not_pay(batch_size: int, weights: list[tuple[int, int]]) -> None:
    """A narrow first layer, large batches, or a network whose block would take too long: one batch at a time."""
    assert batches_in_a_block(tiny_plan(batch_size=batch_size), weights) == 1


def test_blocks_stay_short() -> None:
    """However small the batches: boundaries come often enough."""
    plan = tiny_plan(batch_size=1)
    assert batches_in_a_block(plan, TAPERED) == 8
    assert batches_in_a_block(dataclasses.replace(plan, batch_size=1000), TAPERED) == 1
