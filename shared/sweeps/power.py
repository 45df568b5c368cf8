"""How many seeds it takes to tell two configurations apart.

Sources: W. C. Guenther, "Sample size formulas for normal theory t tests", The American Statistician 35 (1981); F. E.
Satterthwaite, "An approximate distribution of estimates of variance components", Biometrics Bulletin 2 (1946).
"""

from __future__ import annotations

import math
import statistics
from typing import TYPE_CHECKING

from shared.sweeps.statistics import LEVEL, resolution

if TYPE_CHECKING:
    from collections.abc import Sequence

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
    """Return how many seeds each of two configurations needs, so that Welch's test finds a difference of their means.

    With as many seeds of both, the test has from once the degrees of freedom that one of them has (only one spreads) to
    twice (both spread alike), by Satterthwaite's formula. Guenther's are these two cases.

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
    freedom = 1 / sum((one / variance) ** 2 for one in variances)
    spread = math.sqrt(variance) / abs(difference)
    seeds = ((certain + _NORMAL.inv_cdf(power)) * spread) ** 2 + certain**2 / 2 / freedom
    return max(FEWEST_SEEDS, math.ceil(seeds))


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
