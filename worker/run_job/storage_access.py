"""An attempt's way to the artifact storage, which may be unavailable for hours or give no answer at all.

Every call runs in a thread of its own, so that whatever ends an attempt ends the wait: a cancel, a timeout, a lost
lease, a stop. The lease is renewed meanwhile, and the job's log says what is waited for.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from concurrent import futures
from concurrent.futures import Future
from random import Random
from threading import Thread
from typing import TypeVar

from shared.errors import StorageUnavailable
from worker.run_job.lease import Lease
from worker.run_job.recorder import Recorder
from worker.training.errors import StopRequested

T = TypeVar("T")

logger = logging.getLogger(__name__)

STOP_SHARE = 0.5
"""Part of `FLIGHTLINE_STOP_GRACE_SECONDS` for which a stop waits for the storage; the rest is for releasing the job."""
SILENT_SECONDS = 10.0
"""A call without an answer for so long is said in the job's log to be waited for."""
_LISTEN_SECONDS = 0.1
_FIRST_DELAY_SECONDS, _LONGEST_DELAY_SECONDS = 0.5, 15.0
_TIDY_SECONDS = 5.0


def beside(call: Callable[[], T]) -> Future[T]:
    """Have a call made in a daemon thread: one that gets no answer keeps no process from ending."""
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(call())
        except BaseException as error:  # noqa: BLE001 -- raised again where it is waited for
            future.set_exception(error)

    Thread(target=run, name="storage", daemon=True).start()
    return future


def tidy(call: Callable[[], object]) -> None:
    """Make a call that deletes what is not needed, and wait a moment for it. `storage.orphans` finds what it leaves."""
    futures.wait([beside(call)], _TIDY_SECONDS)


class StorageAccess:
    """Calls of one attempt to the storage.

    Args:
        lease: the attempt's, entered.
        recorder: takes what the job's log says of an outage.
        stop_grace_seconds: the settings' own.
    """

    def __init__(self, lease: Lease, recorder: Recorder, stop_grace_seconds: float) -> None:
        self._lease = lease
        self._recorder = recorder
        self._grace = STOP_SHARE * stop_grace_seconds
        self._stop_by: float | None = None

    def fetch(self, call: Callable[[], T]) -> T:
        """Repeat a read until the storage answers.

        Raises:
            StorageError: somebody has to act.
            JobInterrupted: whatever ends the attempt, a stop at once.
        """
        return self._insist(call, self._lease.rest)

    def store(self, call: Callable[[], T]) -> T:
        """Repeat a write until the storage takes it.

        Raises:
            StorageError: somebody has to act.
            JobInterrupted: whatever ends the attempt, a stop once its share of the grace is over.
        """
        return self._insist(call, self._rest_until_stop)

    def store_soon(self, call: Callable[[], T], seconds: float) -> T:
        """Make a write that the run can do without: once, for at most `seconds`; at a stop, as `store` for its grace.

        Raises:
            StorageUnavailable: it is given up.
            StorageError: somebody has to act.
            JobInterrupted: whatever else ends the attempt.
        """
        try:
            if self._lease.stopping:
                return self.store(call)
            return self._answer(beside(call), self._rest_until_stop, time.monotonic() + seconds)
        except StopRequested as stop:
            raise StorageUnavailable("The artifact storage did not answer in the time that a stop has.") from stop

    def _insist(self, call: Callable[[], T], rest: Callable[[], None]) -> T:
        outage = _Outage(self._recorder)

        def look() -> None:
            rest()
            outage.look()
            self._recorder.flush_if_due()

        for delay in _delays():
            try:
                answer = self._answer(beside(call), look)
            except StorageUnavailable as error:
                outage.begin(str(error))
                _pause(delay, look)
            else:
                outage.end()
                return answer
        raise AssertionError

    @staticmethod
    def _answer(future: Future[T], look: Callable[[], None], deadline: float = float("inf")) -> T:
        while not futures.wait([future], _LISTEN_SECONDS).done:
            look()
            if time.monotonic() > deadline:
                raise StorageUnavailable("The artifact storage gave no answer for long.")
        return future.result()

    def _rest_until_stop(self) -> None:
        try:
            self._lease.rest()
        except StopRequested:
            if self._stop_by is None:
                self._stop_by = time.monotonic() + self._grace
            if time.monotonic() >= self._stop_by:
                raise


class _Outage:
    """What is said of one wait: a line when it begins, a line when it ends."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._began = time.monotonic()
        self._said = False

    def look(self) -> None:
        """A call gives no answer."""
        if time.monotonic() - self._began > SILENT_SECONDS:
            self.begin("The artifact storage gives no answer.")

    def begin(self, reason: str) -> None:
        """The storage is unavailable."""
        if not self._said:
            self._said = True
            logger.warning("storage_unavailable", extra={"reason": reason})
            self._recorder.add_line("WARNING", f"Waiting for the artifact storage: {reason}")

    def end(self) -> None:
        """It has answered."""
        if self._said:
            seconds = time.monotonic() - self._began
            logger.info("storage_answers_again", extra={"seconds": round(seconds, 1)})
            self._recorder.add_line("INFO", f"The artifact storage answers again after {seconds:.0f} s")


def _delays() -> Iterator[float]:
    """Ever longer, and each worker's own: they must not all come back at the same moment."""
    dice = Random()
    longest = _FIRST_DELAY_SECONDS
    while True:
        yield longest * dice.uniform(0.5, 1.0)
        longest = min(2 * longest, _LONGEST_DELAY_SECONDS)


def _pause(seconds: float, look: Callable[[], None]) -> None:
    ends = time.monotonic() + seconds
    while (remaining := ends - time.monotonic()) > 0:
        time.sleep(min(_LISTEN_SECONDS, remaining))
        look()
