"""Simulated leaderboards: figures are drawn, and seeds are added as `settle` asks for them."""

from __future__ import annotations

import itertools
import math
import random
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence

from shared.jobs.board.settling import MOST_SEEDS
from shared.sweeps.power import seeds_of_pairs, targets
from shared.sweeps.statistics import LEVEL, told_apart

Source = Callable[[], float]
"""Draws a configuration's figure for one more seed."""


def normal(draw: random.Random, mean: float = 0.0, deviation: float = 1.0) -> Source:
    """Figures of a normal distribution."""
    return lambda: draw.gauss(mean, deviation)


def accuracy(draw: random.Random, images: int, chance: float = 0.8) -> Source:
    """Accuracies on so many images, each right with the same chance, to the normal approximation's nearest count."""
    deviation = math.sqrt(images * chance * (1 - chance))
    return lambda: min(images, max(0, round(draw.gauss(images * chance, deviation)))) / images


def looks(
    sources: Sequence[Source],
    seeds: Iterable[int],
    *,
    level: float = LEVEL,
    most: int = sys.maxsize,
    watched: bool = False,
) -> Iterator[list[list[float]]]:
    """Yield a leaderboard's figures each time that it is looked at, until `settle` wants no more seeds.

    Args:
        sources: the configurations.
        seeds: what each has at the first look, in turn where these are fewer than configurations.
        level: the accepted chance of one false distinction or more, by which seeds are asked for.
        most: seeds that are added at a time at most, as `settle` has its `most_jobs`.
        watched: whether it is looked at after every single seed, not only once all that were asked for are there.
    """
    groups = [[source() for _ in range(count)] for source, count in zip(sources, itertools.cycle(seeds), strict=False)]
    yield groups
    while True:
        wanted = targets(len(groups), seeds_of_pairs(groups, told_apart(groups, level), level), MOST_SEEDS)
        lacking = sum(max(0, target - len(group)) for group, target in zip(groups, wanted, strict=True))
        if not lacking:
            return
        for left in reversed(range(min(lacking, most))):
            place = min(
                (place for place, target in enumerate(wanted) if len(groups[place]) < target),
                key=lambda place: len(groups[place]),
            )
            groups[place].append(sources[place]())
            if watched or not left:
                yield groups
