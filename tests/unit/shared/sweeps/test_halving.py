"""Which configuration goes on to its next rung."""

from __future__ import annotations

import random

from shared.sweeps.halving import Halving, Standing, promotion

RULE = Halving(min_epochs=1, eta=3)


def test_rungs_grow_by_eta_and_end_with_the_whole_training() -> None:
    """A rung at the end or beyond it is the end."""
    assert RULE.rungs(9) == [1, 3, 9]
    assert RULE.rungs(10) == [1, 3, 9, 10]
    assert RULE.rungs(1) == [1]
    assert Halving(4, 4).rungs(3) == [3]


def test_the_best_of_three_goes_on() -> None:
    """Two say nothing yet; of equal ones the earlier goes on; one that has gone on is not asked again."""
    standings = [Standing(0, 0, [0.6]), Standing(1, 0, [0.7]), Standing(2, 0, [0.7])]
    waiting = {0: 0, 1: 0, 2: 0}
    assert promotion(RULE, 9, standings[:2], {0: 0, 1: 0}) is None
    assert promotion(RULE, 9, standings, waiting) == 1
    assert promotion(RULE, 9, standings, {0: 0, 2: 0}) is None


def test_the_highest_rung_goes_first_and_diverged_ones_never() -> None:
    """A configuration near its end is gone on with before others begin their second rung."""
    standings = [Standing(n, 0, [0.5 + n / 100]) for n in range(9)]
    standings[8] = Standing(8, 1, [0.9, 0.8])
    standings[7] = Standing(7, 1, [0.8, 0.9])
    standings[6] = Standing(6, 1, [0.7, 0.7])
    waiting = {n: one.rung for n, one in enumerate(standings)}
    assert promotion(RULE, 9, standings, waiting) == 7
    lost = [Standing(n, 0, [None]) for n in range(9)]
    assert promotion(RULE, 9, lost, dict.fromkeys(range(9), 0)) is None


def test_at_the_end_the_best_of_each_rung_goes_on() -> None:
    """However few there are, the highest rung first; once it has gone on, nobody else does."""
    standings = [Standing(0, 0, [0.6]), Standing(1, 0, [0.7])]
    waiting = {0: 0, 1: 0}
    assert promotion(RULE, 9, standings, waiting) is None
    assert promotion(RULE, 9, standings, waiting, settled=True) == 1
    standings[1] = Standing(1, 1, [0.7, 0.5])
    assert promotion(RULE, 9, standings, {0: 0, 1: 1}, settled=True) == 1
    standings[1] = Standing(1, 2, [0.7, 0.5, 0.5])
    assert promotion(RULE, 9, standings, {0: 0}, settled=True) is None


def test_at_the_end_those_that_have_failed_since_do_not_count() -> None:
    """The best of the others goes on in its place, as nothing would be trained to its end otherwise."""
    standings = [Standing(0, 0, [0.6]), Standing(1, 1, [0.7, None]), Standing(2, 0, [0.5])]
    assert promotion(RULE, 9, standings, {0: 0, 2: 0}) is None
    assert promotion(RULE, 9, standings, {0: 0, 2: 0}, settled=True) == 0
    assert promotion(RULE, 9, [Standing(0, 0, [None])], {}, settled=True) is None


def test_at_the_end_one_that_ended_early_keeps_no_better_one_back() -> None:
    """One that has come to its end by itself, after fewer epochs, stands at every rung as any other."""
    standings = [Standing(0, 2, [0.5, 0.5, 0.5]), Standing(1, 0, [0.7])]
    assert promotion(RULE, 9, standings, {1: 0}, settled=True) == 1


def test_whoever_decides_from_the_same_rows_decides_alike() -> None:
    """The order of the rows does not matter, and all that can go on go on one after another."""
    draw = random.Random(1)
    standings = [Standing(n, 0, [round(draw.random(), 1)]) for n in range(30)]
    waiting = dict.fromkeys(range(30), 0)
    gone: list[int] = []
    while (number := promotion(RULE, 9, standings, waiting)) is not None:
        shuffled = draw.sample(standings, len(standings))
        assert promotion(RULE, 9, shuffled, waiting) == number
        gone.append(number)
        del waiting[number]
    best = sorted(range(30), key=lambda n: (-(standings[n].values[0] or 0.0), n))[:10]
    assert gone == best
