"""The parent's eye on its child: its death is noticed at once, and a child that stands still is killed."""

from __future__ import annotations

import logging
import math
import os
import select
import signal
import threading
import time
from contextlib import suppress

from shared.processes import born
from shared.timers import Deadline, Moment
from worker.processes.child_state import ChildState

logger = logging.getLogger(__name__)

_LOOK_SECONDS = 0.25
"""How often the next child is looked for, and whether the watch is to end."""


class ChildWatch:
    """Watches one child after another.

    Args:
        child_state: what the child tells.
        deadline: how long a child at work may show no sign of life.
    """

    def __init__(self, child_state: ChildState, deadline: Deadline) -> None:
        self._child_state = child_state
        self._deadline = deadline
        self._dead = 0
        self._beats = 0

    def wait_for_death(self, closed: threading.Event, seconds: float = math.inf) -> Moment | None:
        """Return as soon as a child has died, with when that was; None after `seconds`, or once `closed` is set."""
        until = time.monotonic() + seconds
        while not closed.is_set() and (left := until - time.monotonic()) > 0:
            pid = self._child_state.pid
            if pid in {0, self._dead}:  # no child yet, or Celery is about to fork the next
                closed.wait(min(left, _LOOK_SECONDS))
            elif _ends(pid, min(left, _LOOK_SECONDS)):
                self._dead = pid
                return Moment.now()
        return None

    def kill(self) -> None:
        """Kill the child, if it lives."""
        if self._child_state.pid not in {0, self._dead}:
            with suppress(ProcessLookupError):
                os.kill(self._child_state.pid, signal.SIGKILL)

    def kill_if_stuck(self) -> None:
        """Kill a child at work whose lease thread has not moved for long: it is stopped, or stuck inside a library.

        To be called while the database answers: without it a lease thread may well stand still.
        """
        if not self._child_state.working or self._child_state.beats != self._beats:
            self.reprieve()
        elif self._deadline.is_over():
            logger.error("child_stuck", extra={"pid": self._child_state.pid})
            self.reprieve()
            self.kill()

    def reprieve(self) -> None:
        """Count anew how long the child has been standing still."""
        self._beats = self._child_state.beats
        self._deadline.restart()


def _ends(pid: int, seconds: float) -> bool:
    """Whether a process ends within that time, or has ended."""
    if not hasattr(os, "pidfd_open"):  # Linux has it
        return _is_seen_to_end(pid, seconds)
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


def _is_seen_to_end(pid: int, seconds: float) -> bool:
    """As `_ends`, by looking again and again; a process that waits for its parent to notice its end has ended."""
    until = time.monotonic() + seconds
    while born(pid) is not None:
        if (left := until - time.monotonic()) <= 0:
            return False
        time.sleep(min(left, _LOOK_SECONDS))
    return True
