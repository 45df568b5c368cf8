"""Updates of jobs while they run: from the event stream, or by polling where the service has no room for a stream."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Protocol

from flightline.client.events import is_full
from flightline.client.records import Epoch, Epochs, Event, Job
from flightline.client.retry import retry_read
from flightline.errors import Unavailable

POLL_SECONDS = 0.5


class Reader(Protocol):
    """The reads that `updates` needs; `Client` has them."""

    def job(self, id: str) -> Job:
        """The present state of a job."""

    def epochs(self, id: str, after: int = 0) -> Epochs:
        """The job's epochs after number `after`."""

    def events(self, id: str, after: int = 0, *, wait_for_room: bool = True) -> Iterator[Event]:
        """The job's events after number `after`, yielded as they happen."""


@dataclass(frozen=True)
class Update:
    """A job's present state, with the events since the last update.

    Attributes:
        job: the present state.
        events: the events that no earlier update had, in order.
    """

    job: Job
    events: tuple[Event, ...] = ()

    @property
    def epochs(self) -> tuple[Epoch, ...]:
        """The epochs among the events. An attempt that resumes from a checkpoint repeats the epochs after it."""
        return tuple(Epoch(event.data) for event in self.events if event.kind == "epoch")


def updates(client: Reader, id: str, *, after: int = 0) -> Iterator[Update]:
    """Yield the job at once, whenever something happens to it, and last when it is finished.

    Requests to an unavailable service are retried for `OUTAGE_SECONDS`; then its error is raised.
    """
    try:
        for update in _streamed(client, id, after):
            after = update.events[-1].seq if update.events else after
            yield update
    except Unavailable as error:
        if not is_full(error):
            raise
        yield from _polled(client, id, after)


def _streamed(client: Reader, id: str, after: int) -> Iterator[Update]:
    job = retry_read(client.job, id)
    new: list[Event] = []
    if not job.finished:
        yield Update(job)
    for event in client.events(id, after, wait_for_room=False):
        new.append(event)
        if not _covers(job, event):
            job = retry_read(client.job, id)
        if event.kind == "resumed":
            job = _rewound(job, event)
        if not job.finished:  # all of a finished job's events are on their way: they come with its end
            yield Update(job, tuple(new))
            new.clear()
    yield Update(job if job.finished else retry_read(client.job, id), tuple(new))


def _covers(job: Job, event: Event) -> bool:
    """Whether the event is an epoch that this state of the job, read earlier, already includes."""
    if event.kind != "epoch":
        return False
    return (event.data["attempt"], event.data["epoch"]) <= (job.attempts, job.progress.epoch)


def _rewound(job: Job, event: Event) -> Job:
    """The job with the progress of a `resumed` event; the service itself waits for the first repeated epoch."""
    return Job({**job.raw, "progress": {**job.progress.raw, "epoch": event.data["from_epoch"] - 1}})


def _polled(client: Reader, id: str, after: int) -> Iterator[Update]:
    last: Job | None = None
    attempt = epoch = 0
    while last is None or not last.finished:
        # The job first: once it is finished, the epochs read after it are all there will ever be.
        job = retry_read(client.job, id)
        if job.attempts != attempt:  # a new attempt may run epochs again, under new numbers
            attempt, epoch = job.attempts, 0
        rows = retry_read(client.epochs, id, epoch).rows()
        new = sorted((_as_event(row) for row in rows if row.seq > after), key=lambda event: event.seq)
        epoch = max([epoch, *(row.epoch for row in rows if row.attempt == attempt)])
        after = max([after, *(event.seq for event in new)])
        if new or job != last:
            yield Update(job, tuple(new))
        last = job
        if not job.finished:
            time.sleep(POLL_SECONDS)


def _as_event(row: Epoch) -> Event:
    return Event({"seq": row.seq, "kind": "epoch", "data": row.raw})


class Following:
    """An iterator over the updates of several jobs, as they come, until all are finished.

    Each job is watched by a daemon thread, so that Ctrl-C interrupts the iteration at any moment.

    Args:
        watch: the updates of one job, such as `Client.watch`.
        ids: the jobs' whole ids.
    """

    def __init__(self, watch: Callable[[str], Iterable[Update]], ids: Sequence[str]) -> None:
        self._watch_one = watch
        self._items: SimpleQueue[Update | BaseException | None] = SimpleQueue()
        self._open = len(ids)
        for one in ids:
            threading.Thread(target=self._watch, args=(one,), daemon=True, name=f"watch-{one}").start()

    def __iter__(self) -> Following:
        return self

    def __next__(self) -> Update:
        while self._open:
            item = self._items.get()
            if isinstance(item, BaseException):
                raise item
            if item is not None:
                return item
            self._open -= 1
        raise StopIteration

    def _watch(self, id: str) -> None:
        try:
            for update in self._watch_one(id):
                self._items.put(update)
            self._items.put(None)
        except BaseException as error:  # noqa: BLE001 - it is raised again where the updates are taken
            self._items.put(error)
