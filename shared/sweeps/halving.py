"""Successive halving, asynchronous and promoting (ASHA): which paused configuration goes on to its next rung.

After `min_epochs` epochs, and after each further `eta` times as many, a configuration stops with a checkpoint: these
are its rungs. It goes on when it is among the best 1/`eta` of those that have reached the same rung. Nobody waits for a
rung to fill: with three or more at a rung of `eta` 3, the best may go on.

Once no more configurations come and none runs, the best of each rung goes on, however few there are: so the best one is
trained to its end. Where the best has failed since, it is the best of those that have not.

Source: Li et al., "A System for Massively Parallel Hyperparameter Tuning", MLSys 2020, algorithm 2, which stops when
its budget is spent and says nothing of the end.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


@dataclass(frozen=True)
class Halving:
    """The rule by which a sweep stops and promotes.

    Attributes:
        min_epochs: epochs of the first rung.
        eta: each rung has `eta` times the epochs of the one before, and lets one of `eta` through.
    """

    min_epochs: int
    eta: int

    def rungs(self, epochs: int) -> list[int]:
        """Return the epochs after which a configuration stops, ascending; the last one is its end."""
        found = []
        rung = self.min_epochs
        while rung < epochs:
            found.append(rung)
            rung *= self.eta
        return [*found, epochs]


@dataclass(frozen=True)
class Standing:
    """A configuration at the rung that it has reached.

    Attributes:
        number: the configuration's number in its sweep.
        rung: index of the highest rung that it has reached.
        values: its objective at each rung up to that one; larger is better, None where it diverged.
    """

    number: int
    rung: int
    values: Sequence[float | None]


def promotion(
    rule: Halving, epochs: int, standings: Iterable[Standing], waiting: Mapping[int, int], *, settled: bool = False
) -> int | None:
    """Return the number of the configuration that should go on next; None where none is good enough.

    The highest rung is looked at first: what is nearest to its end goes on first. Of equal ones the earlier is better,
    so that any two who decide from the same rows decide alike.

    Args:
        rule: when configurations stop, and how many go on.
        epochs: the epochs of a configuration that goes on to the end.
        standings: every configuration that has reached a rung.
        waiting: those that stopped there and have not gone on: number → rung.
        settled: whether no more configurations come and none runs, so that the order at no rung changes by itself.
    """
    every = list(standings)
    rungs = [*reversed(range(len(rule.rungs(epochs)) - 1))]
    there = {rung: _best(every, rung) for rung in rungs}
    going_on = [(rung, best[: len(best) // rule.eta]) for rung, best in there.items()]
    if settled:
        left = [one for one in every if one.values[one.rung] is not None]
        going_on += [(rung, _best(left, rung)[:1]) for rung in rungs]
    for rung, best in going_on:
        for one in best:
            if waiting.get(one.number) == rung and one.values[rung] is not None:
                return one.number
    return None


def _best(every: Iterable[Standing], rung: int) -> list[Standing]:
    """Return those that have reached a rung, the best first."""
    return sorted((one for one in every if one.rung >= rung), key=lambda one: _order(one, rung))


def _order(one: Standing, rung: int) -> tuple[bool, float, int]:
    value = one.values[rung]
    return value is None, -(value or 0.0), one.number
