"""Which configurations statistics can tell apart: Welch's t over seeds, with Holm's correction.

Welch's own degrees of freedom are an estimate, and mislead where a configuration has few seeds: of a hundred boards of
ten equal ones that have 2 and 10 seeds in turn, more than twenty. So t has as many as the smaller group alone, the
fewest that are possible: with figures of normal distributions it then never misleads more often than the level says
(Mickey and Brown), whatever spreads how and however unequal the numbers of seeds.

A level is that of one look. Whoever adds seeds and looks again shares the level among the looks (Bonferroni's
inequality): nothing here knows how often somebody looks.

Sources: B. L. Welch, "The significance of the difference between two means when the population variances are unequal",
Biometrika 29 (1938); M. R. Mickey and M. B. Brown, "Bounds on the distribution functions of the Behrens-Fisher
statistic", Annals of Mathematical Statistics 37 (1966); S. Holm, "A simple sequentially rejective multiple test
procedure", Scandinavian Journal of Statistics 6 (1979). The incomplete beta function is the continued fraction of DLMF
8.17.22.
"""

from __future__ import annotations

import itertools
import math
import statistics
from typing import TYPE_CHECKING, NamedTuple, Self

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

LEVEL = 0.05
"""The chance of a false distinction that is accepted over all comparisons of a leaderboard, at one look at it."""
_TINY = 1e-300
_CLOSE = 1e-15
_MOST_TERMS = 500


def ranks(groups: Sequence[Sequence[float]], level: float = LEVEL) -> list[int]:
    """Return the rank of each group of figures: 1 and the number of groups that are proven better.

    Groups that the test cannot tell apart share a rank, see `told_apart`.

    Args:
        groups: figures of each configuration, one for each seed; larger is better.
        level: the accepted chance of one false distinction or more.
    """
    return ranks_of(len(groups), told_apart(groups, level))


def ranks_of(groups: int, pairs: Iterable[tuple[int, int]]) -> list[int]:
    """Return the rank of each of so many groups, given the pairs that are told apart: (the better, the worse)."""
    found = [1] * groups
    for _, worse in pairs:
        found[worse] += 1
    return found


def told_apart(groups: Sequence[Sequence[float]], level: float = LEVEL) -> list[tuple[int, int]]:
    """Return the pairs of groups of which one is proven better: the better one's index, then the worse one's.

    Every pair is a comparison, so that it does not matter which group happened to come out on top: with as many as one
    likes that are truly equal, the chance that any two are told apart is at most `level`.

    Args:
        groups: figures of each configuration, one for each seed; larger is better.
        level: the accepted chance of one false distinction or more.
    """
    step = resolution(groups)
    samples = [_Sample.of(group, step) for group in groups]
    pairs = list(itertools.combinations(range(len(groups)), 2))
    values = {(one, two): _p_value(samples[one], samples[two]) for one, two in pairs}
    found = list[tuple[int, int]]()
    for done, (one, two) in enumerate(sorted(pairs, key=lambda pair: (values[pair], pair))):
        if values[one, two] > level / (len(pairs) - done):
            break
        found.append((two, one) if samples[one].mean < samples[two].mean else (one, two))
    return found


def resolution(groups: Sequence[Sequence[float]]) -> float:
    """Return the smallest distance between two figures that are not equal; 0 where all are."""
    figures = sorted({figure for group in groups for figure in group})
    return min((above - below for below, above in itertools.pairwise(figures)), default=0.0)


def welch(first: Sequence[float], second: Sequence[float], step: float = 0.0) -> float:
    """Return the two-sided p-value that two groups of figures have the same mean; 1 where one has fewer than two.

    Args:
        first: figures of one group.
        second: figures of the other.
        step: what figures are multiples of, such as accuracies that are counted on few images. Those that agree may
            still lie up to a step apart, so its variance, step² / 12, is added to theirs (W. F. Sheppard, 1898).
    """
    return _p_value(_Sample.of(first, step), _Sample.of(second, step))


class _Sample(NamedTuple):
    """What the test asks of a group: how many figures, their mean, the variance of that mean."""

    size: int
    mean: float
    variance: float

    @classmethod
    def of(cls, group: Sequence[float], step: float) -> Self:
        variance = statistics.variance(group) + step * step / 12 if len(group) > 1 else 0.0
        return cls(len(group), statistics.fmean(group), variance / len(group))


def _p_value(first: _Sample, second: _Sample) -> float:
    if min(first.size, second.size) < 2:
        return 1.0
    difference, variance = first.mean - second.mean, first.variance + second.variance
    if variance == 0.0:
        return 1.0 if difference == 0.0 else 0.0
    freedom = min(first.size, second.size) - 1
    return incomplete_beta(freedom / 2, 0.5, freedom / (freedom + difference**2 / variance))


def incomplete_beta(a: float, b: float, x: float) -> float:
    """Return the regularised incomplete beta function I_x(a, b), for a, b above 0 and x from 0 to 1."""
    if x <= 0.0 or x >= 1.0:
        return min(max(x, 0.0), 1.0)
    if x > (a + 1.0) / (a + b + 2.0):  # there the fraction converges slowly
        return 1.0 - incomplete_beta(b, a, 1.0 - x)
    front = math.exp(math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x))
    return front / (a * _fraction(a, b, x))


def _fraction(a: float, b: float, x: float) -> float:
    """Return the continued fraction 1 + d1 / (1 + d2 / (1 + …)) by the modified Lentz algorithm."""
    value = c = 1.0
    d = 0.0
    for term in range(1, _MOST_TERMS):
        m = term // 2
        step = (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
            if term % 2 == 0
            else -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        )
        d = 1.0 / ((1.0 + step * d) or _TINY)
        c = (1.0 + step / c) or _TINY
        value *= c * d
        if abs(c * d - 1.0) < _CLOSE:
            break
    return value
