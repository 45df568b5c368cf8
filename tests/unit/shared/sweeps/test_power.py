"""How many seeds tell two configurations apart."""

from __future__ import annotations

import math
import random

import pytest

from shared.sweeps.power import FEWEST_SEEDS, pooled_deviation, seeds_needed
from shared.sweeps.statistics import told_apart


@pytest.mark.parametrize("difference", [0.5, 1.0, 2.0])
def test_so_many_seeds_find_the_difference_about_four_times_of_five(difference: float) -> None:
    """Two configurations with a deviation of one: of 400 experiments 70 to 90 % find the difference."""
    seeds = int(seeds_needed(difference, 1.0, comparisons=1))
    draw = random.Random(int(10 * difference))
    found = 0
    for _ in range(400):
        groups = [[draw.gauss(mean, 1.0) for _ in range(seeds)] for mean in (0.0, difference)]
        found += told_apart(groups) == [(1, 0)]
    assert 0.7 <= found / 400 <= 0.9


def test_more_comparisons_and_smaller_differences_take_more_seeds() -> None:
    """As Holm's correction leaves each pair a smaller share of the level; equal means are never told apart."""
    assert seeds_needed(1.0, 1.0, 1) < seeds_needed(1.0, 1.0, 10) < seeds_needed(0.1, 1.0, 10)
    assert seeds_needed(-1.0, 1.0, 1) == seeds_needed(1.0, 1.0, 1)
    assert seeds_needed(0.0, 1.0, 1) == math.inf
    assert seeds_needed(1.0, 0.0, 1) == seeds_needed(1e9, 1.0, 1) == FEWEST_SEEDS
    assert seeds_needed(1e-300, 1.0, 1) == math.inf


def test_the_spread_within_groups_is_estimated_from_all_of_them() -> None:
    """Groups of one figure say nothing of it."""
    assert pooled_deviation([[1.0, 3.0], [10.0, 12.0], [5.0]]) == pytest.approx(math.sqrt(2))
    assert pooled_deviation([[1.0], [2.0]]) is None
