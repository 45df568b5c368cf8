"""Timing alternatives in turn, so that a busy machine is busy for all of them. A helper, no benchmark itself."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Timing:
    """Seconds of wall time and of this process' processor time; other processes disturb only the first."""

    wall: float
    cpu: float

    def by(self, clock: str) -> float:
        """The seconds by one clock: ``cpu`` or ``wall``."""
        return self.cpu if clock == "cpu" else self.wall


Timings = dict[str, list[Timing]]


def timed(work: Callable[[], object]) -> Timing:
    """Call `work` once and return its wall and processor time."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return Timing(time.perf_counter() - wall, time.process_time() - cpu)


def in_turn(works: Mapping[str, Callable[[], object]], rounds: int) -> Timings:
    """Time each alternative once per round, after one round that does not count."""
    timings: Timings = {name: [] for name in works}
    for number in range(rounds + 1):
        for name, work in works.items():
            timing = timed(work)
            if number:
                timings[name].append(timing)
    return timings


def speed(timings: Timings, name: str, base: str, clock: str = "wall") -> float:
    """How many times as fast `name` is as `base`: the median of the rounds' ratios."""
    pairs = zip(timings[base], timings[name], strict=True)
    return statistics.median(slow.by(clock) / fast.by(clock) for slow, fast in pairs)


def seconds(timings: Timings, name: str, clock: str = "wall") -> float:
    """The median seconds of one alternative."""
    return statistics.median(timing.by(clock) for timing in timings[name])
