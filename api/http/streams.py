"""Live event streams: one thread per process reads the database for all of its streams and delivers new events.

A thousand streams of idle jobs thus cost one small query per poll, and an idle stream holds a thread but no connection.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from queue import Empty, SimpleQueue

import orjson

from shared.database.engine import Database
from shared.errors import DatabaseUnavailable, JobNotFound, ServiceUnavailable
from shared.jobs.reads import events
from shared.wire import Event

POLL_SECONDS = 0.05
"""Seconds between two reads of the database: how late an event may be delivered."""
KEEP_ALIVE_SECONDS = 15.0
"""Seconds between comments on an idle stream: proxies close idle ones, and only a write detects a lost reader."""

log = logging.getLogger(__name__)


class TooManyStreams(ServiceUnavailable):
    """The process already serves its largest number of streams."""

    code = "too_many_streams"


class Subscription:
    """A reader's subscription to one job's events."""

    def __init__(self, job_id: str, after: int) -> None:
        self.job_id = job_id
        self.seq = after
        """Number of the newest event delivered."""
        self._queue: SimpleQueue[Event | None] = SimpleQueue()

    def deliver(self, found: list[Event], *, last: bool) -> None:
        """Deliver the events that are new to this reader; `last` when no event can follow."""
        for event in found:
            if event.seq > self.seq:
                self.seq = event.seq
                self._queue.put(event)
        if last:
            self.end()

    def end(self) -> None:
        """End the reader's loop once it has sent every delivered event."""
        self._queue.put(None)

    def frames(self) -> Iterator[bytes]:
        """Yield the stream as server-sent events until it ends."""
        yield b"retry: 1000\n\n"
        while True:
            try:
                event = self._queue.get(timeout=KEEP_ALIVE_SECONDS)
            except Empty:
                yield b": keep-alive\n\n"
                continue
            if event is None:
                return
            yield b"id: %d\nevent: %s\ndata: %s\n\n" % (event.seq, event.kind.encode(), orjson.dumps(event.data))


class Streams:
    """The event streams of one process.

    Args:
        db: the database.
        most: largest number of simultaneous streams; each holds one of the server's threads.
    """

    def __init__(self, db: Database, most: int) -> None:
        self._db = db
        self._most = most
        self._open: set[Subscription] = set()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self.serving: Callable[[], bool] = lambda: True
        """Returns False once the process is stopping: then every stream ends, and its reader reconnects elsewhere."""

    def subscribe(self, job_id: str, after: int) -> Subscription:
        """Open a stream of a job's events after number `after`. The caller must `close` it.

        Raises:
            TooManyStreams: this process serves its largest number of streams.
        """
        subscription = Subscription(job_id, after)
        with self._changed:
            if len(self._open) >= self._most:
                raise TooManyStreams(f"This process already serves {self._most} event streams. Try again in a moment.")
            self._open.add(subscription)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="streams", daemon=True)
                self._thread.start()
            self._changed.notify()
        return subscription

    def close(self, subscription: Subscription) -> None:
        """Remove a stream, whether it ended by itself or its reader disconnected."""
        with self._changed:
            self._open.discard(subscription)

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._open)
                waiting = list(self._open)
            if not self.serving():
                self._end(waiting)
            try:
                self._serve(waiting)
            except DatabaseUnavailable as error:
                log.warning("streams_wait_for_database", extra={"reason": str(error)})
            except Exception:
                log.exception("streams_failed")
            threading.Event().wait(POLL_SECONDS)

    def _serve(self, waiting: list[Subscription]) -> None:
        """Deliver new events to these streams, after one query for the positions of all their jobs."""
        by_job: dict[str, list[Subscription]] = {}
        for subscription in waiting:
            by_job.setdefault(subscription.job_id, []).append(subscription)
        positions = events.positions(self._db, list(by_job))
        for job_id, readers in by_job.items():
            position = positions.get(job_id)
            if position is None:
                self._end(readers)
            elif position.finished or any(reader.seq < position.seq for reader in readers):
                self._deliver(job_id, readers)

    def _deliver(self, job_id: str, readers: list[Subscription]) -> None:
        try:
            found, position = events.read(self._db, job_id, min(reader.seq for reader in readers))
        except JobNotFound:
            self._end(readers)
            return
        for reader in readers:
            reader.deliver(found, last=position.finished)
        if position.finished:
            self._forget(readers)

    def _end(self, readers: list[Subscription]) -> None:
        for reader in readers:
            reader.end()
        self._forget(readers)

    def _forget(self, readers: list[Subscription]) -> None:
        with self._changed:
            self._open.difference_update(readers)
