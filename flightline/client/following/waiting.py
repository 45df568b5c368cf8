"""The states of many jobs: one bell and a few requests for all of them, where a stream for each would be too many."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
from contextlib import aclosing
from typing import Any, Protocol, TypeVar

from flightline.client.following.events import is_full
from flightline.client.records import Event, JobRecord
from flightline.client.retry import Sleep, retry_read
from flightline.errors import NotFound, Unavailable

J = TypeVar("J", bound=JobRecord)
J_co = TypeVar("J_co", bound=JobRecord, covariant=True)

JOBS_PER_REQUEST = 50
"""Ids that the longest request line of a server has room for."""
POLL_SECONDS = 0.5
SECONDS_PER_REQUEST = 0.25
MISSED_SECONDS = 10.0
"""How long after all jobs were read a mere sign of life of the bell has them read again, should a ring be missed."""


class Reader(Protocol[J_co]):
    """What is needed of a client; `Calls` has it."""

    async def page(
        self, *, sort: str | None = None, limit: int = 100, cursor: str | None = None, **filters: object
    ) -> dict[str, Any]:
        """One page of jobs, as JSON."""

    async def job(self, id: str) -> J_co:
        """The present state of a job."""

    async def sleep(self, seconds: float) -> None:
        """Wait."""

    def with_raw(self, raw: Mapping[str, Any]) -> J_co:
        """The job of this JSON."""


async def states(client: Reader[J], ids: Sequence[str]) -> dict[str, J]:
    """The present state of each job, by its id. Raises NotFound for a job that is not there."""
    found: dict[str, J] = {}
    for start in range(0, len(ids), JOBS_PER_REQUEST):
        some = ids[start : start + JOBS_PER_REQUEST]
        page = await client.page(id=list(some), limit=len(some))
        found |= {raw["id"]: client.with_raw(raw) for raw in page["items"]}
    for one in ids:
        if one not in found:
            found[one] = await client.job(one)  # which says that it is not there
    return found


async def all_finished(
    client: Reader[J],
    ids: Sequence[str],
    *,
    rings: AsyncGenerator[Event | None, None],
    on_end: Callable[[J], object] | None,
    show: Callable[[Iterable[J]], None],
) -> list[J]:
    """Wait until all jobs are finished, and return their last states in the order of `ids`.

    Args:
        client: reads jobs.
        ids: the whole ids of the jobs.
        rings: what the service's bell says. Where it has none, or no room for a listener, the jobs are polled.
        on_end: is called with each finished job, once.
        show: draws the states of all jobs, after each round of requests.
    """
    latest: dict[str, J] = {}
    waiting = list(dict.fromkeys(ids))
    async with aclosing(looks(rings, waiting, client.sleep)) as found:
        while waiting:
            new = await retry_read(client.sleep, states, client, await anext(found))
            latest |= new
            for job in new.values():
                if job.finished and on_end:
                    on_end(job)
            show(latest.values())
            waiting[:] = [one for one in waiting if one not in latest or not latest[one].finished]
    return [latest[one] for one in ids]


async def looks(
    rings: AsyncGenerator[Event | None, None], waiting: Sequence[str], sleep: Sleep, kind: str = "jobs"
) -> AsyncGenerator[list[str], None]:
    """Yield, without end, those of the jobs waited for that may have changed; or of the sweeps, where `kind` says so.

    Args:
        rings: what the service's bell says.
        waiting: the ids of those waited for; they may become fewer.
        sleep: how to wait between two looks where there is no bell.
        kind: ``jobs`` or ``sweeps``.
    """
    looked = time.monotonic()
    try:
        async with aclosing(rings):
            async for ring in rings:
                if ring is not None and ring.kind == kind:
                    some = _named(ring, waiting)
                elif (ring is not None and ring.kind == "reset") or time.monotonic() - looked > MISSED_SECONDS:
                    some, looked = list(waiting), time.monotonic()
                else:
                    some = []
                if some:
                    yield some
    except (NotFound, Unavailable) as error:
        if not (isinstance(error, NotFound) or is_full(error)):
            raise
    while True:  # there is no bell
        yield list(waiting)
        await sleep(max(POLL_SECONDS, len(waiting) / JOBS_PER_REQUEST * SECONDS_PER_REQUEST))


def _named(ring: Event, waiting: Sequence[str]) -> list[str]:
    """Those waited for that a ring names."""
    named = set(ring.data["ids"])
    return [one for one in waiting if one in named]
