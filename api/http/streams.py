"""Live streams: one thread of each process reads the database for all of its streams, and hands out what is new.

So a thousand streams of quiet jobs cost one small query a tick, and an idle stream holds a thread but no connection.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from queue import Empty, SimpleQueue

import orjson

from shared.database.engine import Database
from shared.errors import DatabaseUnavailable, JobNotFound, ServiceUnavailable
from shared.jobs import events
from shared.wire import Event

POLL_SECONDS = 0.05
"""How late an event may be."""
KEEP_ALIVE_SECONDS = 15.0
"""Proxies close connections on which nothing passes; and only a write shows that the reader has gone."""

log = logging.getLogger(__name__)


class TooManyStreams(ServiceUnavailable):
    """The process already serves as many streams as it may."""

    code = "too_many_streams"


class Subscription:
    """One reader of one job's events."""

    def __init__(self, job_id: str, after: int) -> None:
        self.job_id = job_id
        self.seq = after
        """The newest number that has been handed out."""
        self._queue: SimpleQueue[Event | None] = SimpleQueue()

    def deliver(self, found: list[Event], *, last: bool) -> None:
        """Hand out those that are new to this reader; `last` when nothing can follow."""
        for event in found:
            if event.seq > self.seq:
                self.seq = event.seq
                self._queue.put(event)
        if last:
            self.end()

    def end(self) -> None:
        """Let the reader's loop end once it has taken what was handed out."""
        self._queue.put(None)

    def frames(self) -> Iterator[bytes]:
        """The stream as server-sent events, until it ends."""
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
    """The streams of one process.

    Args:
        db: the database.
        most: streams at once; each holds one of the server's threads.
    """

    def __init__(self, db: Database, most: int) -> None:
        self._db = db
        self._most = most
        self._open: set[Subscription] = set()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self.serving: Callable[[], bool] = lambda: True
        """False once the process is about to stop: then every stream ends, and its reader comes back to another one."""

    def subscribe(self, job_id: str, after: int) -> Subscription:
        """Open a stream of a job's events after number `after`; `close` it in the end.

        Raises:
            TooManyStreams: this process has no room for another.
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
        """Forget a stream, however it ended."""
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
        """Hand out what is new to each."""
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
