"""The calls that follow jobs until they are finished."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import aclosing
from typing import Any

from flightline.client.calls.base import J, job_path
from flightline.client.calls.results import ResultCalls
from flightline.client.display.progress import progress_bar
from flightline.client.following.bell import rings
from flightline.client.following.events import events
from flightline.client.following.waiting import all_finished
from flightline.client.following.watch import Update, updates
from flightline.client.records import Epoch, Event, JobRecord
from flightline.client.rows import rows

BELL: Any = ...
"""Stands for no job: None is no id, and nobody who passes it means to wait for ever."""


class FollowingCalls(ResultCalls[J]):
    """Jobs while they run."""

    @rows
    async def events(
        self, id: str = BELL, after: int = 0, *, wait_for_room: bool = True
    ) -> AsyncGenerator[Event, None]:
        """Iterate over a job's events as they happen, those after number `after`, until the job is finished.

        Each event comes once and in order, also over a broken connection or a restart of the service. `Unavailable` or
        `NotReachable` are raised once the service has been unavailable for a minute.

        Without a job it is the service's bell, which has no end: an event of the kind ``jobs`` has the ``ids`` of jobs
        that have changed, at most four times a second; ``reset`` says that any may have. It comes first, and whenever
        the connection had to be opened again.

        Args:
            id: the job; left out for the bell.
            after: the `seq` of the last event that the caller has; 0 for all events.
            wait_for_room: where the service serves as many streams as it can, whether to retry for a minute too, or to
                raise `Unavailable` (``too_many_streams``) at once.
        """
        if id is BELL:
            async with aclosing(rings(self._transport, wait_for_room=wait_for_room)) as heard:
                async for ring in heard:
                    if ring is not None:
                        yield ring
            return
        path = f"{job_path(await self._whole(id))}/events"
        async with aclosing(events(self._transport, path, after, wait_for_room=wait_for_room)) as found:
            async for event in found:
                yield event

    async def watch(self, id: str, *, after: int = 0) -> AsyncGenerator[Update[J], None]:
        """Iterate over updates of a job, its state and its new events after number `after`, until it is finished."""
        async with aclosing(updates(self, await self._whole(id), after=after)) as found:
            async for update in found:
                yield update

    async def wait(
        self, id: str, *, on_epoch: Callable[[Epoch], object] | None = None, progress: bool | None = None
    ) -> J:
        """Wait until the job is finished and return its last state.

        Args:
            id: the job.
            on_epoch: is called with each epoch as it ends; again with one that a later attempt, which resumes from a
                checkpoint, repeats.
            progress: whether to draw a progress bar; default in a notebook and on a terminal, without `on_epoch`.
        """
        job = await self.job(id)
        wanted = progress if progress is not None or on_epoch is None else False
        with progress_bar(wanted) as bar:
            async with aclosing(self.watch(job.id)) as found:
                async for update in found:
                    job = update.job
                    bar.show([job])
                    for epoch in update.epochs:
                        on_epoch(epoch) if on_epoch else None
        return job

    async def wait_all(
        self,
        jobs: Iterable[JobRecord | str],
        *,
        on_end: Callable[[J], object] | None = None,
        progress: bool | None = None,
    ) -> list[J]:
        """Wait until all of the jobs are finished and return their last states, in the order of `jobs`.

        One stream says which jobs have changed, and one request asks for fifty of them: hundreds of jobs hold no
        connection each.

        Args:
            jobs: jobs, or their ids.
            on_end: is called with each job that has finished, once.
            progress: whether to draw a progress bar; default in a notebook and on a terminal.
        """
        with progress_bar(progress) as bar:
            heard = rings(self._transport, wait_for_room=False)
            return await all_finished(self, await self._ids(jobs), rings=heard, on_end=on_end, show=bar.show)
