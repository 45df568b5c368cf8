"""Durations by this machine's clocks, which differ in whether they count a pause.

While the machine sleeps, ``time.monotonic`` stands still, the clock since boot and the wall clock go on. While only the
process is paused, all of them go on. And the wall clock may be set, by hand or by NTP.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Self

# macOS has no CLOCK_BOOTTIME; there CLOCK_MONOTONIC counts sleep, unlike `time.monotonic`.
_SINCE_BOOT: int = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


@dataclass(frozen=True)
class Moment:
    """An instant on three clocks of this machine, in seconds."""

    awake: float
    since_boot: float
    wall: float

    @classmethod
    def now(cls) -> Self:
        """Return the present instant by all three clocks."""
        return cls(time.monotonic(), time.clock_gettime(_SINCE_BOOT), time.time())

    def age(self) -> float:
        """Return the seconds since this instant by the clock that counts most, so that no pause is underestimated."""
        now = Moment.now()
        return max(now.awake - self.awake, now.since_boot - self.since_boot, now.wall - self.wall)

    def elapsed(self) -> float:
        """Return the seconds since this instant, sleep included, independent of the wall clock."""
        return time.clock_gettime(_SINCE_BOOT) - self.since_boot


class Deadline:
    """A deadline that counts time only between frequent checks, so that a pause of this process hardly counts.

    Args:
        seconds: counted time after which the deadline is over.
        longest_look: most seconds counted between two calls of `is_over`.
    """

    def __init__(self, seconds: float, longest_look: float) -> None:
        self._seconds = seconds
        self._longest_look = longest_look
        self.restart()

    def restart(self) -> None:
        """Reset the counted time to zero."""
        self._looked = time.monotonic()
        self._counted = 0.0

    def is_over(self) -> bool:
        """Whether the deadline is over, counting at most `longest_look` seconds since the last call."""
        now = time.monotonic()
        self._counted += min(now - self._looked, self._longest_look)
        self._looked = now
        return self._counted > self._seconds
