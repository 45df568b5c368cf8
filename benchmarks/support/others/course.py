"""The course of a search: when its best accuracy so far became known, and what it trained."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Course:
    """One search, from the call that started it.

    Attributes:
        steps: seconds since the start and the best accuracy that was known then, whenever it rose.
        seconds: until the search had ended.
        epochs: epochs that were trained.
        epoch_seconds: seconds of these epochs, training and validation, over all workers.
    """

    steps: Sequence[tuple[float, float]]
    seconds: float
    epochs: int
    epoch_seconds: float

    @property
    def best(self) -> float:
        """The best validation accuracy."""
        return self.steps[-1][1]

    def until(self, accuracy: float) -> float:
        """Seconds until the best accuracy so far was at least this one; infinite where it never was."""
        return next((seconds for seconds, best in self.steps if best >= accuracy), math.inf)


class Recorder:
    """Records a search while it runs."""

    def __init__(self) -> None:
        self._steps: list[tuple[float, float]] = []
        self._epochs, self._epoch_seconds = 0, 0.0

    def start(self) -> None:
        """Start the clock."""
        self._began = time.perf_counter()

    def best(self, accuracy: float) -> None:
        """Record the best accuracy that is known now."""
        if not self._steps or accuracy > self._steps[-1][1]:
            self._steps.append((time.perf_counter() - self._began, accuracy))

    def add(self, accuracy: float, seconds: float) -> None:
        """Record an epoch that ended, with its accuracy and its seconds."""
        self.best(accuracy)
        self._epochs += 1
        self._epoch_seconds += seconds

    def course(self) -> Course:
        """The search, which ended now."""
        return Course(self._steps, time.perf_counter() - self._began, self._epochs, self._epoch_seconds)
