"""How many seeds it takes to tell two configurations apart.

Source: W. C. Guenther, "Sample size formulas for normal theory t tests", The American Statistician 35 (1981).
"""

from __future__ import annotations

import math
import statistics
from typing import TYPE_CHECKING

from shared.sweeps.statistics import LEVEL

if TYPE_CHECKING:
    from collections.abc import Sequence

POWER = 0.8
"""The chance that a true difference as large as the one that was seen is found with the seeds asked for."""
FEWEST_SEEDS = 3
"""Seeds that are asked for at least, also where nothing is known of the spread yet."""
_SMALLEST = 1e-6
"""Smallest difference, in deviations, that anybody would look for: it takes a million million seeds."""
_NORMAL = statistics.NormalDist()


def seeds_needed(
    difference: float, deviation: float, comparisons: int, level: float = LEVEL, power: float = POWER
) -> float:
    """Return how many seeds each of two configurations needs, so that Welch's test finds a difference of their means.

    Args:
        difference: of the means.
        deviation: standard deviation over seeds, the same for both.
        comparisons: pairs that are tested together: each gets its share of the level.
        level: the accepted chance of one false distinction or more.
        power: the chance that the difference is found.

    Returns:
        A whole number of at least `FEWEST_SEEDS`; infinity where there is next to no difference.
    """
    if abs(difference) <= deviation * _SMALLEST:
        return math.inf
    certain = _NORMAL.inv_cdf(1 - level / comparisons / 2)
    spread = deviation / abs(difference)
    seeds = 2 * ((certain + _NORMAL.inv_cdf(power)) * spread) ** 2 + certain**2 / 4
    return max(FEWEST_SEEDS, math.ceil(seeds))


def pooled_deviation(groups: Sequence[Sequence[float]]) -> float | None:
    """Return the standard deviation within groups, estimated from all of them; None where each has one figure."""
    some = [group for group in groups if len(group) > 1]
    freedom = sum(len(group) - 1 for group in some)
    if not freedom:
        return None
    return math.sqrt(sum(statistics.variance(group) * (len(group) - 1) for group in some) / freedom)
