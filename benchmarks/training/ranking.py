"""How often leaderboards of simulated configurations mislead, and how many seeds it takes to tell configurations apart.

    python -m benchmarks ranking                  2,000 pairs, 800 boards of five and 1,000 of ten
    python -m benchmarks ranking --rounds 20      four times as many

Configurations that are truly equal: in how many of 100 leaderboards are any two told apart

- at one look,
- at any look of somebody who settles until all are told apart or no more seeds are wanted, and looks after each time:
  where as many jobs may be queued as are asked for, and where 20 may be,
- at any look of somebody who settles so, and looks after every single seed.

Each is the worst of five: with 2, 3, 5 and 10 seeds of each at the first look, and with 2 and 10 in turn. Then what it
takes to tell two apart that differ. All of it for some levels: 5 %, and less, as those take who look often.
"""

from __future__ import annotations

import itertools
import random
import statistics
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any

from benchmarks.support.lines import Line
from shared.sweeps.power import seeds_needed
from shared.sweeps.statistics import LEVEL, told_apart, welch
from tests.support.boards import Source, accuracy, looks, normal

BOARDS = {2: 400, 5: 160, 10: 200}
"""Leaderboards that are simulated in a round, by their number of configurations."""
WATCHED = {2: 200, 5: 20}
"""Those that are looked at after every seed."""
LOOKED_AT_ONCE = 5
"""So many times as many are looked at once, as that is quick."""
KINDS: dict[str, Callable[[random.Random, int], Source]] = {
    "equal spreads": lambda draw, _: normal(draw),
    "every other spreads threefold": lambda draw, place: normal(draw, 0.0, 3.0 if place % 2 else 1.0),
    "every other spreads tenfold": lambda draw, place: normal(draw, 0.0, 10.0 if place % 2 else 1.0),
    "accuracies on 20 images": lambda draw, _: accuracy(draw, 20),
    "accuracies on 10,000 images": lambda draw, _: accuracy(draw, 10_000),
}
LEVELS = (LEVEL, 0.01, 0.003)
"""Accepted chances of a false distinction at one look."""
STRICT_KINDS = tuple(KINDS)[:2]
"""What is simulated with the lower levels."""
MOST_JOBS = 20
"""Seeds that are added at a time where not all may be: what `settle` queues at most unless it is told otherwise."""
SEEDS = ((2,), (3,), (5,), (10,), (2, 10))
"""Seeds of the configurations at the first look, in turn."""
COMPARISONS = (1, 10, 45)
"""Pairs of leaderboards of two, five and ten configurations."""
DIFFERENCES = (0.5, 1.0, 2.0)
"""Distances of two means, in deviations."""
PAIRS = 400
"""Pairs that differ and are simulated in a round for each figure."""


def lines(rounds: int) -> Iterator[Line]:
    """What equal configurations come to, then what different ones take."""
    for kind, configurations in itertools.product(KINDS, BOARDS):
        yield _one_look(kind, configurations, rounds)
    for level, kind, configurations in itertools.product(LEVELS, KINDS, BOARDS):
        if level < LEVEL and kind not in STRICT_KINDS:
            continue
        for how, most in (("settled", sys.maxsize), (f"settled by {MOST_JOBS} jobs", MOST_JOBS)):
            boards = partial(_boards, kind, configurations, level, most=most)
            found = [_misled(boards(seeds), level, BOARDS[configurations] * rounds) for seeds in SEEDS]
            yield _worst(f"level {level:.1%}: {configurations}, {kind}: {how}", found)
    for level, configurations in itertools.product(LEVELS, WATCHED):
        boards = partial(_boards, "equal spreads", configurations, level, watched=True)
        found = [_misled(boards(seeds), level, WATCHED[configurations] * rounds) for seeds in SEEDS]
        yield _worst(f"level {level:.1%}: {configurations}, equal spreads: looked at after every seed", found)
    for level, comparisons, difference in itertools.product(LEVELS, COMPARISONS, DIFFERENCES):
        yield from _asked(level, difference, comparisons, PAIRS * rounds)
    for level, seeds, difference in itertools.product(LEVELS, SEEDS, DIFFERENCES):
        yield from _settled(level, difference, seeds, PAIRS * rounds)


def _one_look(kind: str, configurations: int, rounds: int) -> Line:
    found = []
    for seeds in SEEDS:
        boards = (itertools.islice(board, 1) for board in _boards(kind, configurations, LEVEL, seeds))
        found.append(_misled(boards, LEVEL, LOOKED_AT_ONCE * BOARDS[configurations] * rounds))
    return _worst(f"{configurations}, {kind}: one look", found)


def _boards(
    kind: str, configurations: int, level: float, seeds: Sequence[int], **how: Any
) -> Iterator[Iterable[list[list[float]]]]:
    """Yield the looks at one leaderboard after another of equal configurations."""
    draw = random.Random(sum(seeds))
    sources = [KINDS[kind](draw, place) for place in range(configurations)]
    while True:
        yield looks(sources, seeds, level=level, **how)


def _misled(boards: Iterable[Iterable[list[list[float]]]], level: float, count: int) -> list[bool]:
    """Return of so many leaderboards whether any two are told apart at any look."""
    return [any(told_apart(groups, level) for groups in board) for board in itertools.islice(boards, count)]


def _asked(level: float, difference: float, comparisons: int, pairs: int) -> Iterator[Line]:
    """How many seeds are asked for of a pair that lies so far apart, and how often they find it."""
    seeds = int(seeds_needed(difference, (1.0, 1.0), comparisons, level))
    draw = random.Random(1)
    better, worse = normal(draw, difference), normal(draw)
    found = [welch(_figures(better, seeds), _figures(worse, seeds)) <= level / comparisons for _ in range(pairs)]
    what = f"level {level:.1%}, {difference:g} deviations, one of {comparisons} pairs"
    yield Line(f"{what}: seeds asked for", "", float(seeds))
    yield _percent(f"{what}: found", found)


def _settled(level: float, difference: float, seeds: Sequence[int], pairs: int) -> Iterator[Line]:
    """What it takes to settle a pair that lies so far apart, 20 jobs at a time."""
    draw = random.Random(1)
    sources = [normal(draw, difference), normal(draw)]
    boards = [_course(looks(sources, seeds, level=level, most=MOST_JOBS), level) for _ in range(pairs)]
    what = f"level {level:.1%}, {difference:g} deviations, settled from {' and '.join(map(str, seeds))} seeds"
    yield _percent(f"{what}: told apart", [apart for apart, _ in boards])
    yield Line(f"{what}: seeds of each", "", statistics.fmean(taken for _, taken in boards))


def _course(board: Iterable[list[list[float]]], level: float) -> tuple[bool, int]:
    """Return whether the better of two is found at any look, and the seeds of each in the end."""
    apart, taken = False, 0
    for groups in board:
        apart = apart or told_apart(groups, level) == [(0, 1)]
        taken = len(groups[0])
    return apart, taken


def _figures(source: Source, seeds: int) -> list[float]:
    return [source() for _ in range(seeds)]


def _percent(what: str, found: Sequence[bool]) -> Line:
    return Line(what, "%", 100 * statistics.fmean(found))


def _worst(what: str, found: Iterable[Sequence[bool]]) -> Line:
    values = [100 * statistics.fmean(one) for one in found]
    return Line(what, "%", max(values), values=values)
