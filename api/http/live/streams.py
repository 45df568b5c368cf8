"""Live event streams: one thread per process reads the database for all of its streams and delivers what is new.

The thread asks the log of changes what has changed since it last looked, for streams of the events of a job or a sweep
and of the bell alike. So a thousand idle streams cost one small query per look, and without streams there is none. An
idle stream holds a thread but no connection.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection, Iterator
from queue import Empty, SimpleQueue
from typing import Protocol, TypeAlias, assert_never

import orjson

from api.http.live.bell import KEEP_ALIVE, KEEP_ALIVE_SECONDS, RETRY, Listener
from shared.database.engine import Database
from shared.errors import DatabaseUnavailable, NotFound, ServiceUnavailable
from shared.jobs import changes
from shared.jobs.changes import Mark
from shared.jobs.reads import events
from shared.sweeps import ids
from shared.wire import Event

POLL_SECONDS = 0.05
"""Seconds between two looks at the log: how late an event may be delivered."""
log = logging.getLogger(__name__)


class TooManyStreams(ServiceUnavailable):
    """The process already serves its largest number of streams, or an owner's largest number of them."""

    code = "too_many_streams"


class Position(Protocol):
    """Where the events of a job or sweep stand."""

    @property
    def finished(self) -> bool:
        """Whether no event can follow."""


Read: TypeAlias = Callable[[Database, str, int], tuple[list[Event], Position]]
"""Reads the events of a job or sweep after a number, and the position that they reach."""


class Subscription:
    """A reader's subscription to the events of one job or sweep."""

    def __init__(self, id: str, after: int, read: Read) -> None:
        self.id = id
        self.read = read
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
        yield RETRY
        while True:
            try:
                event = self._queue.get(timeout=KEEP_ALIVE_SECONDS)
            except Empty:
                yield KEEP_ALIVE
                continue
            if event is None:
                return
            yield b"id: %d\nevent: %s\ndata: %s\n\n" % (event.seq, event.kind.encode(), orjson.dumps(event.data))


Stream: TypeAlias = Subscription | Listener


class Streams:
    """The event streams of one process.

    Args:
        db: the database.
        most: largest number of simultaneous streams; each holds one of the server's threads. One owner has half of
            them at most.
    """

    def __init__(self, db: Database, most: int) -> None:
        self._db = db
        self._most = most
        self._open: dict[Stream, str | None] = {}
        """The open streams, each with the owner of its reader; None where nobody is asked who they are."""
        self._served: set[Stream] = set()
        """Streams that have what was there at the last look, so that only changes since then are new to them."""
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._mark: Mark | None = None
        self.serving: Callable[[], bool] = lambda: True
        """Returns False once the process is stopping: then every stream ends, and its reader reconnects elsewhere."""

    def subscribe(self, id: str, after: int, read: Read = events.read, *, owner: str | None = None) -> Subscription:
        """Open a stream of the events after number `after` of a job, or of what else `read` reads, for an owner.

        The caller must `close` it.

        Raises:
            TooManyStreams: this process serves its largest number of streams, or of this owner's.
        """
        subscription = Subscription(id, after, read)
        self._admit(subscription, owner)
        return subscription

    def listen(self, *, owner: str | None = None) -> Listener:
        """Open a stream of the bell. The caller must `close` it. Raises as `subscribe`."""
        listener = Listener()
        self._admit(listener, owner)
        return listener

    def _admit(self, stream: Stream, owner: str | None) -> None:
        share = max(1, self._most // 2)
        with self._changed:
            if len(self._open) >= self._most:
                raise TooManyStreams(f"This process already serves {self._most} event streams. Try again in a moment.")
            if owner is not None and sum(one == owner for one in self._open.values()) >= share:
                raise TooManyStreams(
                    f"This process already serves {share} event streams of {owner}, the most of one owner. "
                    "Close some, or try again in a moment."
                )
            self._open[stream] = owner
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="streams", daemon=True)
                self._thread.start()
            self._changed.notify()

    def close(self, stream: Stream) -> None:
        """Remove a stream, whether it ended by itself or its reader disconnected."""
        with self._changed:
            self._open.pop(stream, None)

    def _run(self) -> None:
        while True:
            with self._changed:
                if not self._open:
                    self._mark = None  # nobody looks at the log meanwhile, which does not reach back for ever
                self._changed.wait_for(lambda: self._open)
                waiting = set(self._open)
            if not self.serving():
                self._end(waiting)
            try:
                self._serve(waiting)
            except DatabaseUnavailable as error:
                self._mark = None  # the database may come back in another state
                log.warning("streams_wait_for_database", extra={"reason": str(error)})
            except Exception:
                self._mark = None
                log.exception("streams_failed")
            threading.Event().wait(POLL_SECONDS)

    def _serve(self, waiting: set[Stream]) -> None:
        """Deliver what is new since the last look; to streams that are new whatever there is."""
        changed = self._look()
        fresh = waiting if changed is None else waiting - self._served
        by_id: dict[str, list[Subscription]] = {}
        listened = any(isinstance(stream, Listener) for stream in waiting)
        jobs, sweeps = ids.changed(self._db, changed or ()) if listened else (set(), set())
        for stream in waiting:
            match stream:
                case Listener():
                    stream.ring(None if stream in fresh else jobs, sweeps)
                case Subscription(id=id):
                    if stream in fresh or id in (changed or ()):
                        by_id.setdefault(id, []).append(stream)
                case _:
                    assert_never(stream)
        for one, readers in by_id.items():
            self._deliver(one, readers)
        self._served = waiting

    def _look(self) -> Collection[str] | None:
        """Return the jobs and sweeps that have changed since the last look; None where any may have."""
        if self._mark is None:
            self._mark = changes.mark(self._db)
            return None
        changed, self._mark = changes.since(self._db, self._mark)
        return changed

    def _deliver(self, id: str, readers: list[Subscription]) -> None:
        try:
            found, position = readers[0].read(self._db, id, min(reader.seq for reader in readers))
        except NotFound:
            self._end(readers)
            return
        for reader in readers:
            reader.deliver(found, last=position.finished)
        if position.finished:
            self._forget(readers)

    def _end(self, streams: Collection[Stream]) -> None:
        for stream in streams:
            stream.end()
        self._forget(streams)

    def _forget(self, streams: Collection[Stream]) -> None:
        with self._changed:
            for stream in streams:
                self._open.pop(stream, None)
