"""A job's log as it is written, from its first line to the job's end."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Protocol

from flightline.client.following import watch
from flightline.client.records import JobRecord, LogLine
from flightline.client.retry import retry_read

Page = Callable[[int], Awaitable[list[LogLine]]]
"""Reads some lines of a job's log: those after a line's number, the oldest first."""


class Reader(Protocol):
    """What `follow_log` needs of a client; `Calls` has it."""

    async def job(self, id: str) -> JobRecord:
        """The present state of a job."""

    async def sleep(self, seconds: float) -> None:
        """Wait."""


async def log_lines(page: Page, after: int) -> AsyncGenerator[LogLine, None]:
    """Yield the lines that a job's log has after line `after`, page by page."""
    while lines := await page(after):
        for line in lines:
            yield line
        after = lines[-1].line


async def follow_log(client: Reader, id: str, page: Page, after: int) -> AsyncGenerator[LogLine, None]:
    """Yield the lines of a job's log after line `after`, also those still to be written, until the job is finished.

    The log of a job that runs again after a lost attempt goes on. Requests to an unavailable service are retried for
    `OUTAGE_SECONDS`; then its error is raised.

    Args:
        client: the service.
        id: the job's whole id.
        page: reads the job's log.
        after: the number of the last line that the caller has; 0 for all lines.
    """
    while True:
        # The job first: its last lines are written together with its end, so those read after it are all there are.
        job = await retry_read(client.sleep, client.job, id)
        while lines := await retry_read(client.sleep, page, after):
            for line in lines:
                yield line
            after = lines[-1].line
        if job.finished:
            return
        await client.sleep(watch.POLL_SECONDS)
