"""Timing alternatives in turn, so that a busy machine is busy for all of them. A helper, no benchmark itself."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Timing:
    """Seconds on the wall, and of this process' processor time: what others take counts in the first alone."""

    wall: float
    cpu: float

    def by(self, clock: str) -> float:
        """One of the two."""
        return self.cpu if clock == "cpu" else self.wall


Timings = dict[str, list[Timing]]


def timed(work: Callable[[], object]) -> Timing:
    """How long it takes."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return Timing(time.perf_counter() - wall, time.process_time() - cpu)


def in_turn(works: Mapping[str, Callable[[], object]], rounds: int) -> Timings:
    """Each of them once per round; one more round comes first and does not count."""
    timings: Timings = {name: [] for name in works}
    for number in range(rounds + 1):
        for name, work in works.items():
            timing = timed(work)
            if number:
                timings[name].append(timing)
    return timings


def speed(timings: Timings, name: str, base: str, clock: str = "wall") -> float:
    """How many times as fast as the base: the median of the rounds' ratios."""
    pairs = zip(timings[base], timings[name], strict=True)
    return statistics.median(slow.by(clock) / fast.by(clock) for slow, fast in pairs)


def seconds(timings: Timings, name: str, clock: str = "wall") -> float:
    """The median."""
    return statistics.median(timing.by(clock) for timing in timings[name])
