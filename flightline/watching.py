"""Following a job. Polls; the one place to change when there are event streams."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol, TypeVar

from flightline.errors import NotReachable, Unavailable
from flightline.records import Epoch, Epochs, Job

T = TypeVar("T")

POLL_SECONDS = 0.5
PATIENCE_SECONDS = 60.0  # an API that is restarted, or a database that moves, ends no watch


class Reader(Protocol):
    """The two reads that following needs."""

    def job(self, id: str) -> Job:
        """One job as it is now."""

    def epochs(self, id: str, after: int = 0) -> Epochs:
        """Its epochs past number `after`."""


@dataclass(frozen=True)
class Update:
    """What is new about a job: its present state, and the epochs that were not seen before."""

    job: Job
    epochs: tuple[Epoch, ...]


def updates(client: Reader, id: str, *, after: int = 0, every: float | None = None) -> Iterator[Update]:
    """Yield whenever the job changed, first at once and last when it is finished.

    A service that does not answer is asked again for `PATIENCE_SECONDS`; then its error is raised.
    """
    every = POLL_SECONDS if every is None else every
    last: Job | None = None
    while last is None or not last.finished:
        # The job first: once it is finished, the epochs read after it are all there will ever be.
        job = _patiently(client.job, every, id=id)
        epochs = tuple(_patiently(client.epochs, every, id=id, after=after).rows())
        after = max([after, *(epoch.epoch for epoch in epochs)])
        if epochs or job != last:
            yield Update(job, epochs)
        last = job
        if not job.finished:
            time.sleep(every)


def _patiently(read: Callable[..., T], every: float, **arguments: object) -> T:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return read(**arguments)
        except (NotReachable, Unavailable):
            if time.monotonic() > deadline:
                raise
        time.sleep(every)
