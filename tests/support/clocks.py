"""Clocks that a test turns."""

from __future__ import annotations

import time


class Clock:
    """The clocks of one machine, and as much of the module `time` as is read of them.

    Called, it says what a clock says that stands still while the machine sleeps.
    """

    CLOCK_MONOTONIC = time.CLOCK_MONOTONIC

    def __init__(self) -> None:
        self.now = 1000.0
        self.asleep = 0.0
        self.set_by_hand = 0.0
        self.naps = 0

    def __call__(self) -> float:
        """As `monotonic`."""
        return self.now

    def monotonic(self) -> float:
        """As late as the test says."""
        return self.now

    def clock_gettime(self, _clock: int) -> float:
        """The time since boot, that spent asleep included."""
        return self.now + self.asleep

    def time(self) -> float:
        """The wall clock."""
        return self.now + self.asleep + self.set_by_hand

    def sleep(self, _seconds: float) -> None:
        """Counts, and takes next to no time."""
        self.naps += 1
        time.sleep(0.001)
