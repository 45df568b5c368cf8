"""The child's state for its parent, in shared memory, without locks that a fork or a kill could leave taken."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from contextlib import contextmanager


class ChildState:
    """A child process' state. Built before the fork; written by the child, read by the parent."""

    def __init__(self) -> None:
        self._pid = multiprocessing.RawValue("i", 0)
        self._ready = multiprocessing.RawValue("b", 0)
        self._working = multiprocessing.RawValue("b", 0)
        self._taken = multiprocessing.RawValue("L", 0)
        self._beats = multiprocessing.RawValue("L", 0)

    @property
    def pid(self) -> int:
        """The newest child's process id; 0 before there is one."""
        return int(self._pid.value)

    @property
    def idle(self) -> bool:
        """Whether the child could take a message now."""
        return bool(self._ready.value and not self._working.value)

    @property
    def working(self) -> bool:
        """Whether the child is working on a message."""
        return bool(self._working.value)

    @property
    def taken(self) -> int:
        """How many messages the child and its predecessors have taken."""
        return int(self._taken.value)

    @property
    def beats(self) -> int:
        """A counter that rises while a job's lease is renewed."""
        return int(self._beats.value)

    def born(self, pid: int) -> None:
        """Record that a new child process has started, which is not ready for messages yet."""
        self._ready.value = self._working.value = 0
        self._pid.value = pid

    def ready(self) -> None:
        """Record that the child is ready to take messages."""
        self._ready.value = 1

    def beat(self) -> None:
        """Count a sign of life of the lease's thread."""
        self._beats.value += 1

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """A context in which the child counts as working on a message."""
        self._taken.value += 1
        self._working.value = 1
        try:
            yield
        finally:
            self._working.value = 0
