"""Updates of jobs while they run: from the event stream, or by polling where the service has no room for a stream."""

from __future__ import annotations

import threading
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial
from queue import SimpleQueue
from typing import Any, Generic, Protocol, TypeVar

from flightline.client.following.events import is_full
from flightline.client.records import Epoch, Epochs, Event, JobRecord
from flightline.client.retry import retry_read
from flightline.client.rows import AsyncRows
from flightline.errors import Unavailable

POLL_SECONDS = 0.5
J = TypeVar("J", bound=JobRecord)
J_co = TypeVar("J_co", bound=JobRecord, covariant=True)


class Reader(Protocol[J_co]):
    """What `updates` needs of a client; `Calls` has it."""

    async def job(self, id: str) -> J_co:
        """The present state of a job."""

    async def epochs(self, id: str, after: int = 0) -> Epochs:
        """The job's epochs after number `after`."""

    def events(self, id: str, after: int = 0, *, wait_for_room: bool = True) -> AsyncRows[Event]:
        """The job's events after number `after`, yielded as they happen."""

    async def sleep(self, seconds: float) -> None:
        """Wait."""

    def with_raw(self, raw: Mapping[str, Any]) -> J_co:
        """The job of this JSON."""


@dataclass(frozen=True)
class Update(Generic[J]):
    """A job's present state, with the events since the last update.

    Attributes:
        job: the present state.
        events: the events that no earlier update had, in order.
    """

    job: J
    events: tuple[Event, ...] = ()

    @property
    def epochs(self) -> tuple[Epoch, ...]:
        """The epochs among the events. An attempt that resumes from a checkpoint repeats the epochs after it."""
        return tuple(Epoch(event.data) for event in self.events if event.kind == "epoch")


async def updates(client: Reader[J], id: str, *, after: int = 0) -> AsyncGenerator[Update[J], None]:
    """Yield the job at once, whenever something happens to it, and last when it is finished.

    Requests to an unavailable service are retried for `OUTAGE_SECONDS`; then its error is raised.
    """
    try:
        async with aclosing(_streamed(client, id, after)) as streamed:
            async for update in streamed:
                after = update.events[-1].seq if update.events else after
                yield update
            return
    except Unavailable as error:
        if not is_full(error):
            raise
    async with aclosing(_polled(client, id, after)) as polled:
        async for update in polled:
            yield update


async def _streamed(client: Reader[J], id: str, after: int) -> AsyncGenerator[Update[J], None]:
    read = partial(retry_read, client.sleep, client.job, id)
    job = await read()
    new: list[Event] = []
    if not job.finished:
        yield Update(job)
    async with aclosing(client.events(id, after, wait_for_room=False)) as events:
        async for event in events:
            new.append(event)
            if not _covers(job, event):
                job = await read()
            if event.kind == "resumed":
                job = client.with_raw(_rewound(job, event))
            if not job.finished:  # all of a finished job's events are on their way: they come with its end
                yield Update(job, tuple(new))
                new.clear()
    yield Update(job if job.finished else await read(), tuple(new))


def _covers(job: JobRecord, event: Event) -> bool:
    """Whether the event is an epoch that this state of the job, read earlier, already includes."""
    if event.kind != "epoch":
        return False
    return (event.data["attempt"], event.data["epoch"]) <= (job.attempts, job.progress.epoch)


def _rewound(job: JobRecord, event: Event) -> dict[str, Any]:
    """The job with the progress of a `resumed` event; the service itself waits for the first repeated epoch."""
    return {**job.raw, "progress": {**job.progress.raw, "epoch": event.data["from_epoch"] - 1}}


async def _polled(client: Reader[J], id: str, after: int) -> AsyncGenerator[Update[J], None]:
    last: J | None = None
    attempt = epoch = 0
    while last is None or not last.finished:
        # The job first: once it is finished, the epochs read after it are all there will ever be.
        job = await retry_read(client.sleep, client.job, id)
        if job.attempts != attempt:  # a new attempt may run epochs again, under new numbers
            attempt, epoch = job.attempts, 0
        rows = (await retry_read(client.sleep, client.epochs, id, epoch)).rows()
        new = sorted((_as_event(row) for row in rows if row.seq > after), key=lambda event: event.seq)
        epoch = max([epoch, *(row.epoch for row in rows if row.attempt == attempt)])
        after = max([after, *(event.seq for event in new)])
        if new or job != last:
            yield Update(job, tuple(new))
        last = job
        if not job.finished:
            await client.sleep(POLL_SECONDS)


def _as_event(row: Epoch) -> Event:
    return Event({"seq": row.seq, "kind": "epoch", "data": row.raw})


class Following(Generic[J]):
    """An iterator over the updates of several jobs, as they come, until all are finished.

    Each job is watched by a daemon thread, so that Ctrl-C interrupts the iteration at any moment.

    Args:
        watch: the updates of one job, such as `Client.watch`.
        ids: the jobs' whole ids.
    """

    def __init__(self, watch: Callable[[str], Iterable[Update[J]]], ids: Sequence[str]) -> None:
        self._watch_one = watch
        self._items: SimpleQueue[Update[J] | BaseException | None] = SimpleQueue()
        self._open = len(ids)
        for one in ids:
            threading.Thread(target=self._watch, args=(one,), daemon=True, name=f"watch-{one}").start()

    def __iter__(self) -> Following[J]:
        return self

    def __next__(self) -> Update[J]:
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
