"""A gate that delays forks until no other thread is inside a transaction or holds a lock of a library.

SQLite keeps its locks in the process's memory. A child forked while another thread of the parent is inside a
transaction inherits locks that no thread will ever release, and finds the database locked forever; even idle
connections must not be inherited (https://sqlite.org/howtocorrupt.html, 2.6). Locks of other libraries are copied in
the same way. So in a process that forks, such work runs within ``with GATE.inside():``.

One fork, step by step. `os.fork` calls these methods in the thread that forks:

1. `shut` takes the gate's lock, then waits until no other thread is inside. While it waits the lock is released, so
   that threads can leave; `_closing` keeps new ones out. Then it closes connections, and returns with the lock held.
2. The process forks. Only the forking thread exists in the child.
3. `open` in the parent releases the lock: threads may enter again.
4. `reset` in the child replaces the lock and the count of threads, which describe threads of the parent.
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
"""How long a fork waits: publishing 100,000 jobs takes a minute, but a frozen server must not block a fork forever."""


class Closable(Protocol):
    """An object that holds something a forked child must not inherit, such as connections."""

    def before_fork(self) -> None:
        """Close what a child must not inherit. Called right before a fork, with no other thread inside the gate."""


class ForkGate:
    """Delays a fork until no other thread is inside, and delays threads at the entrance until the fork has happened.

    A process needs exactly one gate. With two, a thread inside the first could wait to enter the second, which a fork
    has shut, while the fork waits for that thread to leave the first.
    """

    def __init__(self) -> None:
        self._closed_before: weakref.WeakSet[Closable] = weakref.WeakSet()
        self.reset()

    def close_before(self, one: Closable) -> None:
        """Call `one.before_fork` right before each fork, for as long as `one` exists (the reference is weak)."""
        self._closed_before.add(one)

    @contextmanager
    def inside(self) -> Iterator[None]:
        """Enter the gate: no fork happens inside the block. May be nested. Waits while another thread forks."""
        thread = threading.get_ident()
        with self._changed:
            if thread not in self._threads:  # a nested entry must not wait for this same thread to leave
                self._changed.wait_for(self._is_open)
            self._threads[thread] += 1
        try:
            yield
        finally:
            with self._changed:
                self._threads[thread] -= 1
                if not self._threads[thread]:
                    del self._threads[thread]
                if self._closing:
                    self._changed.notify_all()

    def shut(self) -> None:
        """Wait until no other thread is inside, keep new ones out, and close what the child must not inherit.

        The forking thread itself may be inside, at its own risk. After `_WAIT_SECONDS` the fork happens in any case.
        """
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
        """Let threads enter again, in the parent after the fork."""
        self._closing = False
        self._changed.notify_all()
        self._changed.release()

    def reset(self) -> None:
        """Reset in the forked child, where the parent's threads do not exist."""
        self._changed = threading.Condition()
        self._threads: Counter[int] = Counter()
        self._closing = False


GATE = ForkGate()
"""The gate of this process."""
os.register_at_fork(before=GATE.shut, after_in_parent=GATE.open, after_in_child=GATE.reset)
