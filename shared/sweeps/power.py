"""How many seeds it takes to tell two configurations apart.

Source: W. C. Guenther, "Sample size formulas for normal theory t tests", The American Statistician 35 (1981).
"""

from __future__ import annotations

import itertools
import math
import statistics
from typing import TYPE_CHECKING

from shared.sweeps.statistics import LEVEL, resolution

if TYPE_CHECKING:
    from collections.abc import Container, Mapping, Sequence

POWER = 0.8
"""The chance that a true difference as large as the one that was seen is found with the seeds asked for."""
FEWEST_SEEDS = 3
"""Seeds that are asked for at least, and that say how much a configuration itself spreads."""
_SMALLEST = 1e-6
"""Smallest difference, in deviations, that anybody would look for: it takes a million million seeds."""
_NORMAL = statistics.NormalDist()


def seeds_needed(
    difference: float, variances: tuple[float, float], comparisons: int, level: float = LEVEL, power: float = POWER
) -> float:
    """Return how many seeds each of two configurations needs, so that the test finds a difference of their means.

    With as many seeds of both, the test has the degrees of freedom that one of them has: Guenther's formula for one
    sample, whose variance is the sum of both.

    Args:
        difference: of the means.
        variances: of each configuration, over its seeds.
        comparisons: pairs that are tested together: each gets its share of the level.
        level: the accepted chance of one false distinction or more.
        power: the chance that the difference is found.

    Returns:
        A whole number of at least `FEWEST_SEEDS`; infinity where there is next to no difference.
    """
    variance = sum(variances)
    if abs(difference) <= math.sqrt(variance) * _SMALLEST:
        return math.inf
    if variance == 0.0:
        return FEWEST_SEEDS
    certain = _NORMAL.inv_cdf(1 - level / comparisons / 2)
    spread = math.sqrt(variance) / abs(difference)
    seeds = ((certain + _NORMAL.inv_cdf(power)) * spread) ** 2 + certain**2 / 2
    return max(FEWEST_SEEDS, math.ceil(seeds))


def seeds_of_pairs(
    groups: Sequence[Sequence[float]], apart: Container[tuple[int, int]], level: float = LEVEL
) -> dict[tuple[int, int], float]:
    """Return how many seeds each pair of groups takes to be told apart, and one more than it has at least.

    How many it takes is an estimate, so that a pair may have them and yet not be told apart.

    Args:
        groups: figures of each configuration, one for each seed.
        apart: pairs that are told apart already, in either order; nothing is returned of them.
        level: the accepted chance of one false distinction or more.

    Returns:
        Seeds by pair, each pair in the groups' order; nothing where each group has one figure.
    """
    variances = estimated_variances(groups)
    pairs = list(itertools.combinations(range(len(groups)), 2))
    if variances is None:
        return {}
    means = [statistics.fmean(group) for group in groups]
    return {
        (one, two): max(
            seeds_needed(means[one] - means[two], (variances[one], variances[two]), len(pairs), level),
            1 + min(len(groups[one]), len(groups[two])),
        )
        for one, two in pairs
        if (one, two) not in apart and (two, one) not in apart
    }


def targets(groups: int, seeds: Mapping[tuple[int, int], float], most: int) -> list[int]:
    """Return how many seeds each group is to have in all.

    At least enough to have a spread, and as many as tell it from each other one that is worth it.

    Args:
        groups: number of groups.
        seeds: what each pair takes, see `seeds_of_pairs`.
        most: seeds of a group beyond which a difference is not worth it.
    """
    found = [FEWEST_SEEDS] * groups
    for pair, needed in seeds.items():
        if needed <= most:
            for place in pair:
                found[place] = max(found[place], int(needed))
    return found


def estimated_variances(groups: Sequence[Sequence[float]]) -> list[float] | None:
    """Return the variance of each group's figures as the test takes it; None where each group has one figure.

    That of a group with fewer than `FEWEST_SEEDS` figures is estimated from all groups.
    """
    some = [group for group in groups if len(group) > 1]
    if not some:
        return None
    hidden = resolution(groups) ** 2 / 12  # by figures that agree, see `welch`
    squares = sum(statistics.variance(group) * (len(group) - 1) for group in some)
    common = squares / sum(len(group) - 1 for group in some)
    return [hidden + (statistics.variance(group) if len(group) >= FEWEST_SEEDS else common) for group in groups]
