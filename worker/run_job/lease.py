"""The lease on a claimed job: a thread renews it beside the loop, and notifies the loop when to stop.

The loop calls `check` at every step boundary. The thread renews only while those calls keep coming, so a hung loop
loses its job instead of showing as *running* for ever; and a worker that was paused, or cut off from the database,
waits at its next step until it knows that the job is still its own. So does a worker whose machine slept.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Protocol, Self, TypeVar

from shared.database.engine import Database
from shared.errors import DatabaseUnavailable
from shared.jobs.running import attempts
from shared.jobs.running.claims import Claim
from shared.settings import Settings
from shared.timers import Moment
from worker.training.errors import CancelRequested, JobInterrupted, LeaseLost, StopRequested, TimedOut

T = TypeVar("T")

logger = logging.getLogger(__name__)

_RETRY_SECONDS = 0.5
FENCE_FRACTION = 0.8
"""Part of the lease after which a worker that could not renew it pauses at its next step."""
_POLL_SECONDS = 0.1


class Flag(Protocol):
    """A stop request that can be read, such as `StopFlag`."""

    def is_set(self) -> bool:
        """Whether the worker is to stop."""
        ...


class Lease:
    """Renews one claim's lease while its context is entered.

    Args:
        db: the database.
        claim: the job, just claimed.
        settings: lease, heartbeat, stall and set-up times.
        stop: set when the worker is to stop.
        hung: called, by the lease's thread, when the loop has made no progress for too long.
        pulse: called with every heartbeat.
    """

    def __init__(
        self,
        db: Database,
        claim: Claim,
        settings: Settings,
        stop: Flag,
        hung: Callable[[], None],
        pulse: Callable[[], None] = lambda: None,
    ) -> None:
        self._db = db
        self._claim = claim
        self._settings = settings
        self._stop = stop
        self._hung = hung
        self._pulse = pulse
        self._started = self._moved = time.monotonic()
        self._renewed = Moment.now()
        self._steps = self._steps_seen = 0
        self._reason: type[JobInterrupted] | None = None
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._beat_until_closed, name="lease", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._closed.set()
        self._thread.join()

    @property
    def lost(self) -> bool:
        """Whether the job is known to belong to another worker."""
        return self._reason is LeaseLost

    def check(self) -> None:
        """Count a step, and end the loop where the attempt is over. To be called at step boundaries only.

        Raises:
            LeaseLost, CancelRequested, TimedOut, StopRequested: the first of these reasons that holds.
        """
        self._steps += 1
        while self._reason is None and self._fenced and not self._stop.is_set():
            time.sleep(_POLL_SECONDS)
        self._raise_if_over()

    def listen(self) -> None:
        """Raise the JobInterrupted that says why, where the attempt is over while this process waits, as for data."""
        self._raise_if_over()

    def rest(self) -> None:
        """As `listen`, in a wait for a service that may last for hours: such a wait does not count as a hung loop."""
        self._moved = time.monotonic()
        self._raise_if_over()

    @property
    def stopping(self) -> bool:
        """Whether the worker is to stop."""
        return self._stop.is_set()

    def wait(self, seconds: float) -> None:
        """Pause between two tries of a write that must succeed.

        Raises:
            LeaseLost: the job is another worker's, so the write is needed no more.
        """
        self._closed.wait(seconds)
        if self.lost:
            raise LeaseLost

    def _raise_if_over(self) -> None:
        if self._reason is not None:
            raise self._reason
        if self._stop.is_set():
            raise StopRequested

    @property
    def _fenced(self) -> bool:
        return self._renewed.age() > FENCE_FRACTION * self._settings.lease_seconds

    def _beat_until_closed(self) -> None:
        while not (self.lost or self._closed.wait(self._settings.heartbeat_seconds)):
            self._pulse()
            if self.stalled():
                logger.error("loop_hung", extra={"job": self._claim.job_id, "steps": self._steps})
                self._hung()
                return
            try:
                self.beat()
            except Exception:
                # No error may end the thread: the next heartbeat may succeed.
                logger.exception("heartbeat_crashed", extra={"job": self._claim.job_id})

    def beat(self) -> None:
        """Renew the lease now, and record whether the job is to end: a cancel, a timeout, a lost lease.

        While the database is unavailable nothing is recorded.
        """
        asked = Moment.now()
        try:
            beat = attempts.heartbeat(self._db, self._claim, self._settings.lease_seconds)
        except DatabaseUnavailable as error:
            logger.warning("heartbeat_failed", extra={"job": self._claim.job_id, "reason": str(error)})
            return
        if beat is None:
            self._reason = LeaseLost
            return
        self._renewed = asked
        running = self._claim.running_seconds + (asked.awake - self._started)
        if beat.cancel_requested:
            self._reason = CancelRequested
        elif running > self._claim.spec["limits"]["timeout_seconds"]:
            self._reason = TimedOut

    def stalled(self) -> bool:
        """Whether the loop has made no step for `stall_seconds`; before the first step, for `setup_seconds`."""
        now = time.monotonic()
        if self._steps != self._steps_seen or self._fenced:
            self._steps_seen, self._moved = self._steps, now
        patience = self._settings.stall_seconds if self._steps else self._settings.setup_seconds
        return now - self._moved > patience


def retry_until_written(lease: Lease, write: Callable[[], T]) -> T:
    """Repeat a write until the database takes it; a run of hours must not fail because of a restart.

    Raises:
        LeaseLost: meanwhile the job has become another worker's.
    """
    while True:
        try:
            return write()
        except DatabaseUnavailable as error:
            logger.warning("write_repeated", extra={"reason": str(error)})
            lease.wait(_RETRY_SECONDS)
