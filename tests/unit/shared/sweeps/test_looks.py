"""Leaderboards that are looked at, settled, and looked at again."""

from __future__ import annotations

import random

import pytest

from shared.sweeps.statistics import LEVEL, told_apart
from tests.support.boards import accuracy, looks, normal

BOARDS = {2: 1000, 5: 200}
"""How many are simulated, by their number of configurations."""
LOOKS = 10
"""Among so many looks the level is shared."""
MOST_JOBS = 20
"""Seeds that are added at a time: what `settle` queues at most unless it is told otherwise."""


@pytest.mark.parametrize("configurations", BOARDS)
@pytest.mark.parametrize("seeds", [2, 3, 5])
def test_with_the_level_shared_among_looks_settling_to_the_end_misleads_in_less_than_one_of_twenty(
    configurations: int, seeds: int
) -> None:
    """Truly equal ones, settled until two are told apart or no more seeds are wanted, and looked at after each time."""
    draw = random.Random(seeds)
    level, sources = LEVEL / LOOKS, [normal(draw)] * configurations
    wrong = 0
    for _ in range(BOARDS[configurations]):
        board = looks(sources, [seeds], level=level, most=MOST_JOBS)
        wrong += any(told_apart(groups, level) for groups in board)
    assert 0 < wrong <= LEVEL * BOARDS[configurations]


@pytest.mark.parametrize("seeds", [[2, 10], [10, 2], [2, 3, 5, 10], [3, 30]])
@pytest.mark.parametrize("spread", [1.0, 3.0])
def test_unequal_numbers_of_seeds_mislead_as_seldom_at_one_look(seeds: list[int], spread: float) -> None:
    """A few seeds that happen to lie close say nothing of their spread: also where every other spreads more."""
    draw = random.Random(len(seeds))
    sources = [normal(draw), normal(draw, 0.0, spread)] * 3
    first = [next(looks(sources, seeds)) for _ in range(300)]
    assert sum(map(bool, map(told_apart, first))) <= LEVEL * 300


@pytest.mark.parametrize("images", [20, 10_000])
def test_accuracies_on_finitely_many_images_mislead_as_seldom_at_one_look(images: int) -> None:
    """Seeds that agree by chance look as if they did not spread."""
    draw = random.Random(images)
    for seeds in (2, 3, 5):
        first = [next(looks([accuracy(draw, images)] * 4, [seeds])) for _ in range(300)]
        assert sum(map(bool, map(told_apart, first))) <= LEVEL * 300


def test_a_difference_is_found_with_the_seeds_that_are_asked_for() -> None:
    """Two deviations, from three seeds of each: at least 19 of 20 pairs are told apart, with 12 seeds on average."""
    draw = random.Random(2)
    found, seeds = 0, 0
    for _ in range(300):
        for groups in looks([normal(draw, 2.0), normal(draw)], [3]):
            if told_apart(groups) == [(0, 1)]:
                found += 1
        seeds += len(groups[0])
    assert found >= 0.95 * 300
    assert seeds <= 12 * 300
