"""Durations by this machine's clocks, which do not agree on what a pause is.

While the machine sleeps, ``time.monotonic`` stands still, the clock since boot and the wall clock go on. While only the
process is paused, all of them go on. And the wall clock may be set, by hand or by NTP.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Self

# macOS has none of that name; there it is CLOCK_MONOTONIC that goes on, other than `time.monotonic`.
_SINCE_BOOT: int = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


@dataclass(frozen=True)
class Moment:
    """An instant on all clocks of this machine, in seconds."""

    awake: float
    since_boot: float
    wall: float

    @classmethod
    def now(cls) -> Self:
        """The present instant."""
        return cls(time.monotonic(), time.clock_gettime(_SINCE_BOOT), time.time())

    def age(self) -> float:
        """Seconds since then, by the clock that says the most: for whoever must not think too little of a pause."""
        now = Moment.now()
        return max(now.awake - self.awake, now.since_boot - self.since_boot, now.wall - self.wall)

    def elapsed(self) -> float:
        """Seconds since then, those asleep included, whatever became of the wall clock."""
        return time.clock_gettime(_SINCE_BOOT) - self.since_boot


class Deadline:
    """Runs out only while it is looked at: a process' own pause must not be taken for somebody else's silence.

    Args:
        seconds: how long it takes.
        longest_look: of the time between two looks, at most so many seconds count.
    """

    def __init__(self, seconds: float, longest_look: float) -> None:
        self._seconds = seconds
        self._longest_look = longest_look
        self.restart()

    def restart(self) -> None:
        """Begin anew."""
        self._looked = time.monotonic()
        self._counted = 0.0

    def is_over(self) -> bool:
        """Look."""
        now = time.monotonic()
        self._counted += min(now - self._looked, self._longest_look)
        self._looked = now
        return self._counted > self._seconds
