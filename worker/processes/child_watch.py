"""The parent's watch over its child: notices its death at once, and kills a child that is stuck."""

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
"""How often the watch looks for the next child, and whether it is to end itself."""


class ChildWatch:
    """Watches one child process after another.

    Args:
        child_state: the child's state.
        deadline: how long a working child may show no sign of life.
    """

    def __init__(self, child_state: ChildState, deadline: Deadline) -> None:
        self._child_state = child_state
        self._deadline = deadline
        self._dead = 0
        self._beats = 0

    def wait_for_death(self, closed: threading.Event, seconds: float = math.inf) -> Moment | None:
        """Wait for a child's death and return its moment; None after `seconds`, or once `closed` is set."""
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
        """Kill the child, if it is alive."""
        if self._child_state.pid not in {0, self._dead}:
            with suppress(ProcessLookupError):
                os.kill(self._child_state.pid, signal.SIGKILL)

    def kill_if_stuck(self) -> None:
        """Kill a working child whose lease thread shows no sign of life until the deadline: it is stopped, or stuck.

        To be called while the database answers: without an answer a healthy lease thread stands still too.
        """
        if not self._child_state.working or self._child_state.beats != self._beats:
            self.reprieve()
        elif self._deadline.is_over():
            logger.error("child_stuck", extra={"pid": self._child_state.pid})
            self.reprieve()
            self.kill()

    def reprieve(self) -> None:
        """Restart the deadline of a child that shows no sign of life."""
        self._beats = self._child_state.beats
        self._deadline.restart()


def _ends(pid: int, seconds: float) -> bool:
    """Whether a process ends within `seconds`, or has ended."""
    if not hasattr(os, "pidfd_open"):  # only Linux has it
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
    """As `_ends`, by polling; a zombie, whose parent has not noticed its end yet, has ended."""
    until = time.monotonic() + seconds
    while born(pid) is not None:
        if (left := until - time.monotonic()) <= 0:
            return False
        time.sleep(min(left, _LOOK_SECONDS))
    return True
