"""The leaderboard's rows, as the API answers them, of simulated configurations."""

from __future__ import annotations

import random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from shared import wire
from shared.jobs.board.leaderboard import Group, Mode, Run, best_first, standings

BOARDS = 200


def board(configurations: list[list[float]], mode: Mode = "max", limit: int = 100) -> list[wire.Standing]:
    """The leaderboard of configurations, each given as one value for each seed."""
    groups = [
        Group(f"c{number}", [Run(f"j{number}-{seed}", f"s{number}-{seed}", value) for seed, value in enumerate(values)])
        for number, values in enumerate(configurations)
    ]
    texts = {group.config_hash: dict[str, Any](name=None, params={}) for group in groups}
    return standings(best_first(groups, mode)[:limit], mode, texts)


def false_distinctions(seed: int, configurations: int, images: int, limit: int = 100) -> float:
    """The share of leaderboards of truly equal configurations, of 2 to 5 seeds each, that tell any two apart.

    Their accuracies are counted on so many validation images.
    """
    draw = random.Random(seed)
    wrong = 0
    for _ in range(BOARDS):
        values = [
            [round(draw.gauss(0.8, 0.02) * images) / images for _ in range(draw.randint(2, 5))]
            for _ in range(configurations)
        ]
        wrong += any(row.better_than for row in board(values, limit=limit))
    return wrong / BOARDS


def test_equal_configurations_are_told_apart_on_less_than_one_of_twenty_leaderboards() -> None:
    """Eight of them, of unequal numbers of seeds, on two thousand validation images."""
    assert false_distinctions(1, 8, 2_000) <= 0.05


def test_the_best_of_many_equal_configurations_are_told_apart_as_rarely() -> None:
    """Those that chance has put on top of forty are no better for it."""
    assert false_distinctions(2, 40, 2_000, limit=10) <= 0.05


def test_coarse_accuracies_that_happen_to_agree_prove_nothing() -> None:
    """On fifty validation images seeds often have the very same accuracy, which looks like no spread at all."""
    assert false_distinctions(3, 8, 50) <= 0.05


def test_a_repeated_seed_counts_once() -> None:
    """Ten jobs of one seed are one seed; with the mean of their values, should they differ."""
    repeated = Group("a", [*(Run(f"j{n}", "s1", 0.9) for n in range(10)), Run("j10", "s2", 0.7), Run("j11", "s2", 0.8)])
    other = Group("b", [Run("k", "s3", 0.5)])
    texts = {name: {"name": name, "params": {"lr": 1}} for name in "ab"}
    first, second = standings([repeated, other], "max", texts)
    assert (first.seeds, first.jobs, first.mean, first.one_seed) == (2, 12, (0.9 + 0.75) / 2, False)
    assert (second.seeds, second.std, second.one_seed, second.rank) == (1, None, True, 1)
    assert (first.tied, first.better_than, first.params) == (True, [], {"lr": 1})


def test_ties_share_a_rank_and_each_row_says_whom_it_is_better_than() -> None:
    """Two that are close, one that is far below; of a loss the least comes first."""
    losses = [[0.50, 0.52, 0.51, 0.49], [0.51, 0.50, 0.53, 0.50], [0.90, 0.91, 0.92, 0.90]]
    rows = board(losses, "min")
    assert [(row.config_hash, row.rank, row.tied) for row in rows] == [
        ("c0", 1, True),
        ("c1", 1, True),
        ("c2", 3, False),
    ]
    assert [row.better_than for row in rows] == [[3], [3], []]
    assert [row.best for row in rows] == [0.49, 0.50, 0.90]


@given(st.lists(st.lists(st.floats(0, 1), min_size=1, max_size=4), max_size=6))
def test_a_row_has_as_many_above_it_as_are_proven_better(configurations: list[list[float]]) -> None:
    """Whatever the figures: the rank is one more than the rows that name it as worse."""
    rows = board(configurations)
    for row in rows:
        assert row.rank == 1 + sum(row.number in other.better_than for other in rows)
        assert not row.one_seed or not row.better_than
    assert [row.mean for row in rows] == sorted((row.mean for row in rows), reverse=True)
