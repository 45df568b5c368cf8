"""Wall time that survives an interruption."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any


class Stopwatch:
    """Seconds of this epoch and of the whole run, those of earlier attempts included."""

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._run_began = self._epoch_began = clock()

    def epoch_seconds(self) -> float:
        """Since the running epoch began."""
        return self._clock() - self._epoch_began

    def total_seconds(self) -> float:
        """Since the run began."""
        return self._clock() - self._run_began

    def next_epoch(self) -> None:
        """Begin another epoch."""
        self._epoch_began = self._clock()

    def state(self) -> dict[str, Any]:
        """Both, in seconds."""
        return {"epoch": self.epoch_seconds(), "total": self.total_seconds()}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from there: the time in between does not count."""
        now = self._clock()
        self._epoch_began, self._run_began = now - state["epoch"], now - state["total"]
