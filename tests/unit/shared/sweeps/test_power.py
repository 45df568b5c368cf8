"""How many seeds tell two configurations apart."""

from __future__ import annotations

import math
import random

import pytest

from shared.sweeps.power import FEWEST_SEEDS, estimated_variances, seeds_needed
from shared.sweeps.statistics import LEVEL, welch


@pytest.mark.parametrize("comparisons", [1, 10, 45])
@pytest.mark.parametrize("deviations", [(1.0, 1.0), (1.0, 3.0), (0.01, 1.0)])
@pytest.mark.parametrize("difference", [0.5, 1.0, 2.0])
def test_so_many_seeds_find_the_difference_about_four_times_of_five(
    difference: float, deviations: tuple[float, float], comparisons: int
) -> None:
    """A difference in deviations, also where one spreads far more: of 400 experiments 70 to 90 % find it."""
    one, two = (deviation**2 for deviation in deviations)
    mean = difference * math.sqrt((one + two) / 2)
    seeds = int(seeds_needed(mean, (one, two), comparisons))
    draw = random.Random(int(10 * difference))
    found = 0
    for _ in range(400):
        first, second = (
            [draw.gauss(middle, deviation) for _ in range(seeds)]
            for middle, deviation in zip((0.0, mean), deviations, strict=True)
        )
        found += welch(first, second) <= LEVEL / comparisons
    assert 0.7 <= found / 400 <= 0.9


def test_more_comparisons_and_smaller_differences_take_more_seeds() -> None:
    """As Holm's correction leaves each pair a smaller share of the level; equal means are never told apart."""
    assert _needed(1.0, 1) < _needed(1.0, 10) < _needed(0.1, 10)
    assert _needed(-1.0, 1) == _needed(1.0, 1)
    assert _needed(0.0, 1) == seeds_needed(0.0, (0.0, 0.0), 1) == math.inf
    assert seeds_needed(1.0, (0.0, 0.0), 1) == _needed(1e9, 1) == FEWEST_SEEDS
    assert _needed(1e-300, 1) == math.inf


def test_it_does_not_matter_which_of_two_spreads() -> None:
    """As the test takes neither for granted: figures of 80.3 and 59.3 % that spread by 2.3 and 9.5 %."""
    assert seeds_needed(0.21, (0.023**2, 0.095**2), 1) == 4
    assert seeds_needed(0.21, ((0.023**2 + 0.095**2) / 2,) * 2, 1) == 4


def test_the_spread_of_a_group_is_its_own_from_three_figures_on() -> None:
    """Before that it is estimated from all groups; figures that agree may hide a spread of one step."""
    two_each = estimated_variances([[1.0, 3.0], [10.0, 12.0], [5.0]])
    assert two_each == pytest.approx([2.0 + 2.0**2 / 12] * 3)
    three_each = estimated_variances([[1.0, 2.0, 3.0], [7.0, 7.0, 7.0], [5.0]])
    assert three_each == pytest.approx([1.0 + 1 / 12, 1 / 12, 0.5 + 1 / 12])
    assert estimated_variances([[1.0], [2.0]]) is None


def _needed(difference: float, comparisons: int) -> float:
    """Seeds where both have a variance of one."""
    return seeds_needed(difference, (1.0, 1.0), comparisons)
