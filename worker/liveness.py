"""When an idle worker is cut off without having noticed: it then exits, and its supervisor starts it anew.

Two signs: the database has not answered for long; a message lies in one of the worker's queues and is not delivered to
it (Celery's consumer has been seen to stop consuming after a reconnect, celery#8030). A worker that trains is left
alone: its lease decides.
"""

from __future__ import annotations

from worker.vitals import Vitals


class Liveness:
    """Counts ticks, not seconds: a process that was paused must not take its own pause for the others' silence.

    Args:
        vitals: what the child tells.
        patience_ticks: ticks in a row with the same sign before it counts.
    """

    def __init__(self, vitals: Vitals, patience_ticks: float) -> None:
        self._vitals = vitals
        self._patience = patience_ticks
        self._answered = False
        self._waiting = 0
        self._taken = 0
        self._silent = self._passed_over = 0

    def database_answered(self) -> None:
        """The database has just answered."""
        self._answered = True

    def messages_wait(self, count: int) -> None:
        """So many messages lie in this worker's queues."""
        self._waiting = count

    def tick(self) -> str | None:
        """Count; what to say before exiting, if it has come to that."""
        working = self._vitals.working
        self._silent = 0 if working or self._answered else self._silent + 1
        self._answered = False
        passed_over = self._waiting and self._vitals.idle and self._vitals.taken == self._taken
        self._passed_over = self._passed_over + 1 if passed_over else 0
        self._taken = self._vitals.taken
        if self._silent > self._patience:
            return "The database has not answered this idle worker for long."
        if self._passed_over > self._patience:
            return "Messages wait in Redis and are not delivered to this idle worker: its connection is dead."
        return None
