"""An attempt's access to the artifact storage, which may be unavailable for hours or give no answer at all.

Every call runs in a thread of its own, so that all that ends an attempt ends the wait: a cancel, a timeout, a lost
lease, a stop. The lease is renewed meanwhile, and the job's log says what it waits for.
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
from worker.run_job.records.recorder import Recorder
from worker.training.errors import StopRequested

T = TypeVar("T")

logger = logging.getLogger(__name__)

STOP_SHARE = 0.5
"""The part of `FLIGHTLINE_STOP_GRACE_SECONDS` that a stop waits for the storage; the rest is for releasing the job."""
SILENT_SECONDS = 10.0
"""After this time without an answer, the job's log says that the attempt waits for the storage."""
_LISTEN_SECONDS = 0.1
_FIRST_DELAY_SECONDS, _LONGEST_DELAY_SECONDS = 0.5, 15.0
_CLEAN_UP_SECONDS = 5.0


def call_in_thread(call: Callable[[], T]) -> Future[T]:
    """Make a call in a daemon thread, so that a call without an answer does not stop the process from ending."""
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(call())
        except BaseException as error:  # noqa: BLE001 -- raised again by `Future.result`
            future.set_exception(error)

    Thread(target=run, name="storage", daemon=True).start()
    return future


def clean_up(call: Callable[[], object]) -> None:
    """Make a call that deletes files, and wait a few seconds for it. `storage.orphans` finds what it leaves."""
    futures.wait([call_in_thread(call)], _CLEAN_UP_SECONDS)


class StorageAccess:
    """One attempt's calls to the storage.

    Args:
        lease: the attempt's lease, entered.
        recorder: writes an outage to the job's log.
        stop_grace_seconds: the setting of that name.
    """

    def __init__(self, lease: Lease, recorder: Recorder, stop_grace_seconds: float) -> None:
        self._lease = lease
        self._recorder = recorder
        self._grace = STOP_SHARE * stop_grace_seconds
        self._stop_by: float | None = None

    def fetch(self, call: Callable[[], T]) -> T:
        """Repeat a read until the storage answers.

        Raises:
            StorageError: the read fails until somebody acts.
            JobInterrupted: the attempt is to end; at a stop, at once.
        """
        return self._repeat(call, self._lease.rest)

    def store(self, call: Callable[[], T]) -> T:
        """Repeat a write until the storage takes it.

        Raises:
            StorageError: the write fails until somebody acts.
            JobInterrupted: the attempt is to end; at a stop, once the storage's share of the grace is over.
        """
        return self._repeat(call, self._rest_until_stop)

    def store_soon(self, call: Callable[[], T], seconds: float) -> T:
        """Try an optional write once, for at most `seconds`; at a stop, repeat it as `store` does.

        Raises:
            StorageUnavailable: the write was given up.
            StorageError: the write fails until somebody acts.
            JobInterrupted: the attempt is to end for another reason than a stop.
        """
        try:
            if self._lease.stopping:
                return self.store(call)
            return self._answer(call_in_thread(call), self._rest_until_stop, time.monotonic() + seconds)
        except StopRequested as stop:
            raise StorageUnavailable("The artifact storage did not answer in the time that a stop has.") from stop

    def _repeat(self, call: Callable[[], T], rest: Callable[[], None]) -> T:
        outage = _Outage(self._recorder)

        def check() -> None:
            rest()
            outage.check_silence()
            self._recorder.flush_if_due()

        for delay in _delays():
            try:
                answer = self._answer(call_in_thread(call), check)
            except StorageUnavailable as error:
                outage.begin(str(error))
                _pause(delay, check)
            else:
                outage.end()
                return answer
        raise AssertionError

    @staticmethod
    def _answer(future: Future[T], check: Callable[[], None], deadline: float = float("inf")) -> T:
        while not futures.wait([future], _LISTEN_SECONDS).done:
            check()
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
    """One wait for the storage: says so in both logs when it begins and when it ends."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._began = time.monotonic()
        self._said = False

    def check_silence(self) -> None:
        """Begin the outage if a call has had no answer for `SILENT_SECONDS`."""
        if time.monotonic() - self._began > SILENT_SECONDS:
            self.begin("The artifact storage gives no answer.")

    def begin(self, reason: str) -> None:
        """Log that the storage is unavailable, once per outage."""
        if not self._said:
            self._said = True
            logger.warning("storage_unavailable", extra={"reason": reason})
            self._recorder.add_line("WARNING", f"Waiting for the artifact storage: {reason}")

    def end(self) -> None:
        """Log that the storage has answered, if an outage was logged."""
        if self._said:
            seconds = time.monotonic() - self._began
            logger.info("storage_answers_again", extra={"seconds": round(seconds, 1)})
            self._recorder.add_line("INFO", f"The artifact storage answers again after {seconds:.0f} s")


def _delays() -> Iterator[float]:
    """Pauses in seconds, longer each time and random, so that not all workers come back at the same moment."""
    dice = Random()
    longest = _FIRST_DELAY_SECONDS
    while True:
        yield longest * dice.uniform(0.5, 1.0)
        longest = min(2 * longest, _LONGEST_DELAY_SECONDS)


def _pause(seconds: float, check: Callable[[], None]) -> None:
    ends = time.monotonic() + seconds
    while (remaining := ends - time.monotonic()) > 0:
        time.sleep(min(_LISTEN_SECONDS, remaining))
        check()
