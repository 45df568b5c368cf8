"""How many batches make a block."""

from __future__ import annotations

import dataclasses

import pytest

from tests.unit.training.tiny import tiny_plan
from worker.training.engines.resident.blocks import batches_in_a_block, recorded_batches
from worker.training.plan import CosinePlan, OneCyclePlan, Precision, SgdPlan

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


def test_weights_that_decay_fast_have_no_blocks() -> None:
    """Even where a single step takes them to zero."""
    plan = tiny_plan(batch_size=64, optimizer=SgdPlan(lr=1.0, weight_decay=1.0))
    assert batches_in_a_block(plan, TAPERED) == 1


def test_weights_that_decay_unevenly_have_no_blocks() -> None:
    """Decay under a rate that changes in each step; either alone is fine, and so are recorded blocks."""
    cycle = tiny_plan(batch_size=64, schedule=OneCyclePlan())
    decaying = dataclasses.replace(cycle, optimizer=SgdPlan(weight_decay=0.1))
    assert batches_in_a_block(cycle, TAPERED) == 4
    assert batches_in_a_block(decaying, TAPERED) == 1
    assert batches_in_a_block(dataclasses.replace(decaying, schedule=CosinePlan()), TAPERED) == 4
    assert batches_in_a_block(decaying, TAPERED, recorded=True) == 16


@pytest.mark.parametrize("batch_size, batches", [(1, 16), (64, 16), (500, 8), (10_000, 1)])
def test_recorded_blocks(batch_size: int, batches: int) -> None:
    """As many batches as are worth one recording, as long as their images stay few."""
    plan = tiny_plan(batch_size=batch_size)
    assert recorded_batches(plan) == batches
    assert batches_in_a_block(plan, TAPERED, recorded=True) == batches
