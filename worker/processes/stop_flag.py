"""The request to stop a worker: a flag, never an exception. Built before the fork, for parent and child to share."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Iterator
from contextlib import contextmanager

_STOP, _FAILED = 1, 2


class StopFlag:
    """A flag, set once by the parent's shutdown or in the child, and read by the training loop at its next step."""

    def __init__(self) -> None:
        # A plain shared byte: unlike an Event it has no lock, which a signal handler could find taken by its thread.
        self._value = multiprocessing.RawValue("b", 0)

    def set(self) -> None:
        """Ask the worker to stop; a failure that is set already stays set."""
        self._value.value = self._value.value or _STOP

    def fail(self) -> None:
        """Ask the worker to stop because it cannot work; its exit code says failure."""
        self._value.value = _FAILED

    def is_set(self) -> bool:
        """Whether the worker is to stop."""
        return bool(self._value.value)

    @property
    def failed(self) -> bool:
        """Whether the worker is to stop because it cannot work."""
        return bool(self._value.value == _FAILED)

    @contextmanager
    def set_by_sigterm(self) -> Iterator[None]:
        """A context in which SIGTERM to this process sets the flag, in place of the handler before."""
        before = signal.signal(signal.SIGTERM, lambda _number, _frame: self.set())
        try:
            yield
        finally:
            signal.signal(signal.SIGTERM, before)
