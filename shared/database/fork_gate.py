"""Forks that must not happen in the middle of something.

SQLite keeps its locks in the process' memory. A child that is forked while another thread of the parent is inside a
transaction inherits locks that nobody will ever release, and finds the database locked for ever; even idle connections
must not cross a fork (https://sqlite.org/howtocorrupt.html, 2.6). Other libraries' locks are copied in the same way, so
whoever is at work in a process that forks says so: `with GATE.inside()`.
"""

from __future__ import annotations

import logging
import os
import threading
import weakref
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

logger = logging.getLogger(__name__)

_WAIT_SECONDS = 300.0
"""To publish a hundred thousand jobs takes a minute; but a server that stands still must not hold one up for ever."""


class Closable(Protocol):
    """What has something that must not cross a fork."""

    def before_fork(self) -> None:
        """Close it. Nobody is inside the gate."""


class ForkGate:
    """Lets a fork wait until no other thread is inside, and lets nobody in until it has happened.

    There is one for the whole process: with several, a thread inside one would wait at another that a fork shut, and
    the fork for that thread.
    """

    def __init__(self) -> None:
        self._closed_before: weakref.WeakSet[Closable] = weakref.WeakSet()
        self._reset()

    def close_before(self, one: Closable) -> None:
        """Call `one.before_fork` right before each fork, for as long as there is such a thing."""
        self._closed_before.add(one)

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
            logger.warning("fork_amid_work", extra={"waited_seconds": _WAIT_SECONDS})
        for one in list(self._closed_before):
            one.before_fork()

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


GATE = ForkGate()
"""The process' own."""
os.register_at_fork(before=GATE.shut, after_in_parent=GATE.open, after_in_child=GATE.forget)
