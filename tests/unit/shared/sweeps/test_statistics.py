"""Ranks of configurations by what statistics can tell apart."""

from __future__ import annotations

import math
import random

import pytest

from shared.sweeps.statistics import incomplete_beta, ranks, welch


@pytest.mark.parametrize(
    "a, b, x, value",
    [
        (1.0, 1.0, 0.3, 0.3),
        (0.5, 0.5, 0.5, 0.5),
        (2.0, 3.0, 0.4, 0.5248),  # 1 - 0.6^4 - 4 * 0.4 * 0.6^3
        (5.0, 0.5, 10 / (10 + 2.228138851964939**2), 0.05),  # Student's t with 10 degrees of freedom, two-sided 5 %
        (50.0, 0.5, 100 / (100 + 1.9839715185235518**2), 0.05),
        (0.5, 0.5, 1 / (1 + 12.706204736432095**2), 0.05),
    ],
)
def test_the_incomplete_beta_function_has_its_known_values(a: float, b: float, x: float, value: float) -> None:
    """Closed forms, and quantiles of Student's t from tables."""
    assert incomplete_beta(a, b, x) == pytest.approx(value, rel=1e-10)


def test_welch_takes_the_degrees_of_freedom_of_the_smaller_group() -> None:
    """As scipy says: t is -1.3084, and Student's t with 5 degrees of freedom lies outside so often."""
    first, second = [27.5, 21.0, 19.0, 23.6, 17.0, 17.9], [27.1, 22.0, 20.8, 23.4, 23.4, 23.5, 25.8, 22.0, 24.8, 20.2]
    assert welch(first, second) == welch(second, first) == pytest.approx(0.24764361172069374, rel=1e-10)
    assert welch([1.0], [5.0, 6.0]) == 1.0
    assert welch([1.0, 1.0], [1.0, 1.0]) == 1.0
    assert welch([1.0, 1.0], [2.0, 2.0]) == 0.0


def test_equal_configurations_are_told_apart_in_less_than_one_of_twenty_leaderboards() -> None:
    """Over 400 leaderboards of eight equal configurations with five seeds each, and of configurations of one seed."""
    draw = random.Random(4)
    wrong = 0
    for _ in range(400):
        board = [[draw.gauss(0.8, 0.01) for _ in range(5)] for _ in range(8)]
        wrong += set(ranks(board)) != {1}
    assert wrong <= 0.05 * 400
    assert ranks([[0.1], [0.9], [0.5]]) == [1, 1, 1]


def test_a_rank_counts_those_that_are_proven_better() -> None:
    """Two that are clearly better share rank 1, and whoever comes below them has rank 3."""
    board = [[0.5, 0.51, 0.49], [0.9, 0.91, 0.89], [0.9, 0.92, 0.9], [0.2, 0.21, 0.2]]
    assert ranks(board) == [3, 1, 1, 4]
    assert ranks([]) == []
    assert ranks([[math.pi]]) == [1]
