"""The parent's eye on its child: its death is noticed at once, and a child that stands still is killed."""

from __future__ import annotations

import logging
import os
import select
import signal
import threading
import time
from contextlib import suppress

from worker.vitals import Vitals

logger = logging.getLogger(__name__)

_NEXT_CHILD_SECONDS = 0.1


class ChildWatch:
    """Watches one child after another.

    Args:
        vitals: what the child tells.
        patience_passes: calls of `kill_if_stuck` without a sign of life after which a working child is killed.
    """

    def __init__(self, vitals: Vitals, patience_passes: float) -> None:
        self._vitals = vitals
        self._patience = patience_passes
        self._dead = 0
        self._beats = self._still = 0
        self.died_at: float | None = None
        """When (monotonic) the last child died, until whoever deals with it sets this to None."""

    def wait(self, seconds: float, closed: threading.Event) -> None:
        """Return after `seconds`, or as soon as a child has died or `closed` is set."""
        deadline = time.monotonic() + seconds
        while self._vitals.pid in {0, self._dead}:
            # No child yet, or one that is dead already: Celery is about to fork the next.
            if closed.wait(_NEXT_CHILD_SECONDS) or time.monotonic() > deadline:
                return
        pid = self._vitals.pid
        if _ends(pid, max(0.0, deadline - time.monotonic())):
            self._dead, self.died_at = pid, time.monotonic()

    def kill(self) -> None:
        """Kill the child, if it lives."""
        if self._vitals.pid not in {0, self._dead}:
            with suppress(ProcessLookupError):
                os.kill(self._vitals.pid, signal.SIGKILL)

    def kill_if_stuck(self) -> None:
        """Kill a child at work whose lease thread has not moved for long: it is stopped, or stuck inside a library.

        To be called while the database answers: without it a lease thread may well stand still.
        """
        if not self._vitals.working or self._vitals.beats != self._beats:
            self.reprieve()
            return
        self._still += 1
        if self._still > self._patience:
            logger.error("child_stuck", extra={"pid": self._vitals.pid})
            self.reprieve()
            self.kill()

    def reprieve(self) -> None:
        """Count anew how long the child has been standing still."""
        self._beats, self._still = self._vitals.beats, 0


def _ends(pid: int, seconds: float) -> bool:
    """Whether a process ends within that time, or has ended."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        return bool(poll.poll(seconds * 1000))
    finally:
        os.close(descriptor)
