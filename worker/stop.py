"""The stop request: a flag, never an exception. It is made before the fork, so that parent and child share it."""

from __future__ import annotations

import multiprocessing
import signal


class StopFlag:
    """Set once, by the parent's shutdown or by the child's own SIGTERM; seen by the training loop at its next step."""

    def __init__(self) -> None:
        # A plain shared byte: unlike an Event it has no lock, which a signal handler could find taken by its thread.
        self._set = multiprocessing.RawValue("b", 0)

    def set(self) -> None:
        """Ask the worker to stop."""
        self._set.value = 1

    def is_set(self) -> bool:
        """Whether that was asked."""
        return bool(self._set.value)

    def set_on_sigterm(self) -> None:
        """Make SIGTERM to this process set the flag instead of killing it."""
        signal.signal(signal.SIGTERM, lambda _number, _frame: self.set())
