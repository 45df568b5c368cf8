"""The calls about sweeps: started, listed, followed, changed; and their trials."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from functools import partial
from typing import Any, Generic, TypeVar
from urllib.parse import quote

from flightline.client.calls.base import PAGE, checked_id
from flightline.client.display.progress import progress_bar
from flightline.client.documents import encoded, job_document, key_header
from flightline.client.following.bell import rings
from flightline.client.following.events import events
from flightline.client.following.waiting import looks
from flightline.client.records import Event
from flightline.client.retry import retry_read, retry_submission
from flightline.client.rows import rows
from flightline.client.search.sweep_records import LAST, SweepCheck, SweepRecord, Trial
from flightline.client.transport import Transport

S = TypeVar("S", bound=SweepRecord)
PATH = "/v1/sweeps"


class SweepCalls(Generic[S]):
    """What one can ask of a service about sweeps.

    Args:
        transport: how requests are sent and waited for.
        sweep: makes a sweep of its JSON.
    """

    def __init__(self, transport: Transport, sweep: Callable[[Mapping[str, Any]], S]) -> None:
        self._transport = transport
        self._with_raw = sweep

    async def sweep(
        self,
        /,
        base: Mapping[str, Any] | str,
        space: Mapping[str, Mapping[str, Any]],
        *,
        algorithm: str | Mapping[str, Any] | None = None,
        objective: str | Mapping[str, Any] | None = None,
        asha: Mapping[str, Any] | None = None,
        idempotency_key: str | None = None,
        **options: Any,
    ) -> S:
        """Search a space of jobs for the best one; the service makes the jobs, a few at a time.

        >>> sweep = client.sweep(
        ...     "notebook-tapered",
        ...     {"training.optimizer.lr": {"kind": "float", "low": 1e-4, "high": 1, "log": True}},
        ...     algorithm="tpe",
        ...     asha={"min_epochs": 1, "eta": 3},
        ...     max_trials=60,
        ... )
        >>> sweep = sweep.wait()
        >>> sweep.best.params, sweep.best.value

        Args:
            base: the job that points are set into, or a preset's name.
            space: what varies: dotted paths into the job, and for each the values: ``{"kind": "float", "low", "high",
                "log", "step"}``, ``{"kind": "int", "low", "high", "log", "step"}``, ``{"kind": "choice", "values"}``
                without an order, or ``{"kind": "values", "values"}`` in order.
            algorithm: ``grid``, ``random`` (default) or ``tpe``; or ``{"kind": "tpe", "seed": 1}``.
            objective: a figure of the epochs, such as ``val_accuracy`` (default) or ``val_loss``; or
                ``{"metric": "val_loss", "mode": "min", "at": "last"}``.
            asha: ``{"min_epochs": 1, "eta": 4}`` stops jobs early and lets the best go on; None trains all to the end.
            idempotency_key: as for `submit`: the request is retried likewise, and makes no second sweep.
            **options: `name`, `max_trials` (points, default 100), `max_parallel` (jobs queued or running at a time,
                default 8), `repeats` (seeds for each point, default 1).

        Raises:
            InvalidRequest: the space or the job cannot be used; `errors` say why and where.
            UsageError: `base` is neither a mapping nor a preset's name.
        """
        document = _document(base, space, algorithm=algorithm, objective=objective, asha=asha, **options)
        headers = key_header(idempotency_key)
        send = partial(self._transport.call, "POST", PATH, content=encoded(document), headers=headers)
        answer = await retry_submission(self._transport.sleep, send, has_answered=self._transport.has_answered)
        return self._with_raw(answer)

    async def check_sweep(
        self,
        /,
        base: Mapping[str, Any] | str,
        space: Mapping[str, Mapping[str, Any]],
        *,
        algorithm: str | Mapping[str, Any] | None = None,
        objective: str | Mapping[str, Any] | None = None,
        asha: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> SweepCheck:
        """The first points of a sweep and what it costs, without starting it. Arguments and errors as of `sweep`."""
        document = _document(base, space, algorithm=algorithm, objective=objective, asha=asha, **options)
        return SweepCheck(await self._transport.call("POST", PATH, params={"dry_run": True}, content=encoded(document)))

    @rows
    async def sweeps(self, /, *, limit: int | None = None, **filters: object) -> AsyncGenerator[S, None]:
        """Iterate over the sweeps, newest first.

        Args:
            limit: the most sweeps to yield.
            **filters: `status` (one or several of running, paused, finished, cancelled) and `owner`.
        """
        async for item in self._items(PATH, limit, **filters):
            yield self._with_raw(item)

    async def find_sweep(self, id: str, *, importance: bool = False) -> S:
        """The present state of a sweep.

        Args:
            id: its id, or four or more characters of its end.
            importance: whether to work out the share of each path in what sets the best tenth of the points apart.

        Raises:
            NotFound: there is no such sweep.
            Conflict: several sweeps' ids end so.
        """
        return self._with_raw(await self._transport.get(sweep_path(id), importance=importance or None))

    @rows
    async def trials(
        self, id: str, /, *, sort: str | None = None, limit: int | None = None
    ) -> AsyncGenerator[Trial, None]:
        """Iterate over a sweep's points and what became of each: the best first.

        Args:
            id: the sweep.
            sort: ``value``, the best first, or ``number``, in the order in which they were made.
            limit: the most trials to yield.
        """
        async for item in self._items(f"{sweep_path(id)}/trials", limit, sort=sort):
            yield Trial(item)

    @rows
    async def sweep_events(self, id: str, /, after: int = 0) -> AsyncGenerator[Event, None]:
        """Iterate over a sweep's events as they happen, those after number `after`, until the sweep has ended.

        An event's `kind` is ``status`` (of the sweep), ``trial`` (a job was made), ``promoted`` (a point goes on) or
        ``ended`` (a point has stopped: at a rung, at its end, or failed).
        """
        path = f"{sweep_path(id)}/events"
        async with aclosing(events(self._transport, path, after, wait_for_room=True, ends=LAST)) as found:
            async for event in found:
                yield event

    async def watch_sweep(self, id: str, /) -> AsyncGenerator[S, None]:
        """Iterate over the states of a sweep: at once, whenever something changes, and last when it has ended."""
        last = await self.find_sweep(id)
        yield last
        if last.ended:
            return
        whole, heard = last.id, rings(self._transport, wait_for_room=False)
        async with aclosing(looks(heard, [whole], self._transport.sleep, "sweeps")) as found:
            async for _ in found:
                state = await retry_read(self._transport.sleep, self.find_sweep, whole)
                if state != last:
                    yield state
                if (last := state).ended:
                    return

    async def wait_for_sweep(
        self, id: str, /, *, on_change: Callable[[S], object] | None = None, progress: bool | None = None
    ) -> S:
        """Wait until a sweep has finished or was cancelled, and return its last state.

        Args:
            id: the sweep.
            on_change: is called with each new state.
            progress: whether to draw a progress bar; default in a notebook and on a terminal, without `on_change`.
        """
        wanted = progress if progress is not None or on_change is None else False
        with progress_bar(wanted) as bar:
            async with aclosing(self.watch_sweep(id)) as found:
                async for sweep in found:
                    bar.draw(sweep.points_tried, sweep.points, sweep.words)
                    on_change(sweep) if on_change else None
        return sweep

    async def pause_sweep(self, id: str, /) -> S:
        """Start no trials of a sweep and let none go on; those that run go on. Raises `Conflict` for one that ended."""
        return self._with_raw(await self._transport.call("POST", f"{sweep_path(id)}/pause"))

    async def resume_sweep(self, id: str, /) -> S:
        """Let a paused sweep go on. Raises `Conflict` for one that ended."""
        return self._with_raw(await self._transport.call("POST", f"{sweep_path(id)}/resume"))

    async def cancel_sweep(self, id: str, /) -> S:
        """Cancel a sweep and all of its jobs that have not finished. Raises `Conflict` for one that has finished."""
        return self._with_raw(await self._transport.call("POST", f"{sweep_path(id)}/cancel"))

    async def delete_sweep(self, id: str, /) -> None:
        """Delete a sweep that has ended; its jobs stay. Raises `Conflict` for one that has not ended."""
        await self._transport.call("DELETE", sweep_path(id))

    async def _items(self, path: str, limit: int | None, **params: object) -> AsyncGenerator[dict[str, Any], None]:
        cursor, left = None, limit
        while left is None or left > 0:
            page = await self._transport.get(path, limit=min(PAGE, left or PAGE), cursor=cursor, **params)
            for item in page["items"]:
                yield item
            cursor = page["next_cursor"]
            left = None if left is None else left - len(page["items"])
            if cursor is None:
                return


def sweep_path(id: str) -> str:
    """The path of a sweep's resource, once the id is known to be text that a path can hold."""
    return f"{PATH}/{quote(checked_id(id), safe='', errors='replace')}"


def _document(base: Mapping[str, Any] | str, space: Mapping[str, Mapping[str, Any]], **options: Any) -> dict[str, Any]:
    """The request's JSON: what is left out is the service's to choose."""
    given = {key: value for key, value in options.items() if value is not None}
    return {"base": job_document(base, {}), "space": space, **given}
