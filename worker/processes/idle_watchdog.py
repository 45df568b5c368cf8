"""Finds out that an idle worker is cut off without having noticed; it then exits, and its supervisor restarts it.

There are two signs: the database has not answered for long; a message lies in one of the worker's queues and is not
delivered to it (Celery's consumer has been seen to stop consuming after a reconnect, celery#8030). A worker that trains
is left alone: its lease decides.
"""

from __future__ import annotations

from typing import Protocol

from shared.timers import Deadline

LOOK_SECONDS = 0.5
"""How often `reason_to_exit` is to be called."""


class Workload(Protocol):
    """What a process is doing about its messages."""

    @property
    def idle(self) -> bool:
        """Whether the process could take a message now."""

    @property
    def working(self) -> bool:
        """Whether the process is working on a message."""

    @property
    def taken(self) -> int:
        """How many messages the process has taken."""


class IdleWatchdog:
    """What an idle worker has been missing, and for how long.

    Args:
        child_state: the state of the process that works on messages.
        seconds: how long a sign must last before the worker exits.
    """

    def __init__(self, child_state: Workload, seconds: float) -> None:
        self._child_state = child_state
        self._silence = Deadline(seconds, longest_look=LOOK_SECONDS)
        self._neglect = Deadline(seconds, longest_look=LOOK_SECONDS)
        self._answered = False
        self._waiting = 0
        self._taken = 0

    def database_answered(self) -> None:
        """Take note that the database has just answered."""
        self._answered = True

    def messages_wait(self, count: int) -> None:
        """Take note that `count` messages lie in this worker's queues."""
        self._waiting = count

    def reason_to_exit(self) -> str | None:
        """The reason why the worker must exit, as a sentence for its log; None while there is none."""
        if self._child_state.working or self._answered:
            self._silence.restart()
        passed_over = self._waiting and self._child_state.idle and self._child_state.taken == self._taken
        if not passed_over:
            self._neglect.restart()
        self._answered, self._taken = False, self._child_state.taken
        if self._silence.is_over():
            return "The database has not answered this idle worker for long."
        if self._neglect.is_over():
            return "Messages wait in Redis and are not delivered to this idle worker: its connection is dead."
        return None
