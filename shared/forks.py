"""Forks that must not happen in the middle of something.

SQLite keeps its locks in the process' memory. A child that is forked while another thread of the parent is inside a
transaction inherits locks that nobody will ever release, and finds the database locked for ever; even idle connections
must not cross a fork (https://sqlite.org/howtocorrupt.html, 2.6).
"""

from __future__ import annotations

import logging
import os
import threading
import weakref
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

logger = logging.getLogger(__name__)

_WAIT_SECONDS = 30.0


class ForkGate:
    """Lets a fork wait until no other thread is inside, and lets nobody in until it has happened.

    Args:
        close: called right before the fork, when nobody is inside.
    """

    def __init__(self, close: Callable[[], None]) -> None:
        self._close = close
        self._reset()
        _gates.add(self)

    @contextmanager
    def inside(self) -> Iterator[None]:
        """What must not be torn apart by a fork."""
        thread = threading.get_ident()
        with self._changed:
            if thread not in self._threads:  # who is inside already would otherwise wait for himself
                self._changed.wait_for(self._is_open)
            self._threads[thread] += 1
        try:
            yield
        finally:
            with self._changed:
                self._threads[thread] -= 1
                self._threads += Counter()  # drops those that are out
                self._changed.notify_all()

    def shut(self) -> None:
        """Wait for the other threads and keep them out. A thread that forks inside its own transaction knows why."""
        self._changed.acquire()
        self._closing = True
        if not self._changed.wait_for(self._alone, _WAIT_SECONDS):
            logger.warning("fork_inside_transaction", extra={"waited_seconds": _WAIT_SECONDS})
        self._close()

    def _is_open(self) -> bool:
        return not self._closing

    def _alone(self) -> bool:
        return not self._threads.keys() - {threading.get_ident()}

    def open(self) -> None:
        """Let them in again."""
        self._closing = False
        self._changed.notify_all()
        self._changed.release()

    def _reset(self) -> None:
        self._changed = threading.Condition()
        self._threads: Counter[int] = Counter()
        self._closing = False

    def forget(self) -> None:
        """Begin anew, in the child: of the parent's threads none is there."""
        self._reset()


_gates: weakref.WeakSet[ForkGate] = weakref.WeakSet()
_shut: list[ForkGate] = []


def _before() -> None:
    for gate in list(_gates):
        gate.shut()
        _shut.append(gate)


def _after(end: Callable[[ForkGate], None]) -> Callable[[], None]:
    def after() -> None:
        while _shut:
            end(_shut.pop())

    return after


os.register_at_fork(before=_before, after_in_parent=_after(ForkGate.open), after_in_child=_after(ForkGate.forget))
