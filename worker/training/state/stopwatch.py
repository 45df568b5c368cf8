"""Wall time of an epoch and of a run, across interruptions."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any


class Stopwatch:
    """Measures the seconds of this epoch and of the whole run, including those of earlier attempts."""

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._run_began = self._epoch_began = clock()

    def epoch_seconds(self) -> float:
        """Seconds since the running epoch began, without interruptions."""
        return self._clock() - self._epoch_began

    def total_seconds(self) -> float:
        """Seconds since the run began, without interruptions."""
        return self._clock() - self._run_began

    def next_epoch(self) -> None:
        """Restart the epoch's time at zero; the run's continues."""
        self._epoch_began = self._clock()

    def state(self) -> dict[str, Any]:
        """Checkpoint state: the seconds of the epoch and of the run."""
        return {"epoch": self.epoch_seconds(), "total": self.total_seconds()}

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from what `state` returned; the time in between does not count."""
        now = self._clock()
        self._epoch_began, self._run_began = now - state["epoch"], now - state["total"]
