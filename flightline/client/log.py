"""A job's log as it is written, from its first line to the job's end."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import Protocol

from flightline.client import watch
from flightline.client.records import Job, LogLine
from flightline.client.retry import retry_read


class Reader(Protocol):
    """The reads that `follow` needs; `Client` has them."""

    def job(self, id: str) -> Job:
        """The present state of a job."""

    def log(self, id: str, after: int = 0) -> Iterable[LogLine]:
        """The lines of the job's log after line `after`, the oldest first."""


def follow(client: Reader, id: str, *, after: int = 0) -> Iterator[LogLine]:
    """Yield the lines of a job's log after line `after`, also those still to be written, until the job is finished.

    The log of a job that runs again after a lost attempt goes on. Requests to an unavailable service are retried for
    `OUTAGE_SECONDS`; then its error is raised.

    Args:
        client: the service.
        id: the job's whole id.
        after: the number of the last line that the caller has; 0 for all lines.
    """
    while True:
        # The job first: its last lines are written together with its end, so those read after it are all there are.
        job = retry_read(client.job, id)
        for line in retry_read(_lines, client, id, after):
            after = line.line
            yield line
        if job.finished:
            return
        time.sleep(watch.POLL_SECONDS)


def _lines(client: Reader, id: str, after: int) -> list[LogLine]:
    return list(client.log(id, after))
