"""The endpoints of sweeps: start, list, read, follow, pause, resume, cancel, delete; their points."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import orjson
from flask import Response

from api.http.lists import list_page
from api.http.live.streams import TooManyStreams
from api.http.operations import Raw, Reply, Routes
from api.http.requests.parameters import IDEMPOTENCY_KEY, LAST_EVENT_ID, EventsQuery
from api.http.requests.search.sweeps import SWEEP, ReadSweepQuery, SweepQuery, SweepsQuery, TrialsQuery
from api.live import catalog_of, live_workers
from api.routes.events import last_event_id, streamed
from api.services import Services
from api.sweeps import preview_answer, sweep_answer, trial_answer
from shared import wire
from shared.delivery import sweeps as delivery
from shared.errors import (
    AmbiguousSweepId,
    DatabaseUnavailable,
    FieldError,
    IdempotencyKeyInUse,
    IdempotencyKeyReused,
    IllegalTransition,
    InvalidQuery,
    InvalidSpec,
    NotYours,
    SuggestionFailed,
    SweepNotFound,
)
from shared.jobs.actor import Actor
from shared.jobs.idempotency import SubmissionKey
from shared.sweeps import changes, creation, events, reads
from shared.sweeps.check import parse_sweep
from shared.sweeps.ids import whole_id
from shared.sweeps.status import SweepStatus

routes = Routes("sweeps", raises=(DatabaseUnavailable,))
NAMED = (SweepNotFound, AmbiguousSweepId)
CHANGED = (*NAMED, NotYours, IllegalTransition)
MOST_SECONDS = 5.0
"""How long a request makes or cancels jobs of a sweep; of a large one the rest follows without it."""
SWEEP_EVENTS = Raw(
    "text/event-stream",
    {
        "schema": {
            "type": "string",
            "description": "`id: SEQ`, `event: status | trial | promoted | ended`, `data: JSON`: the sweep's new "
            "status; a job was made; a point goes on; a point has stopped, at a rung, at its end or failed.",
        }
    },
)


@routes.route(
    "POST",
    "/v1/sweeps",
    query=SweepQuery,
    body=SWEEP,
    answers={201: wire.Sweep, 200: wire.SweepPreview},
    raises=(InvalidSpec, IdempotencyKeyInUse, IdempotencyKeyReused, SweepNotFound),
    headers=(IDEMPOTENCY_KEY,),
)
def start_sweep(services: Services, actor: Actor, query: SweepQuery, body: bytes) -> Reply:
    """Search a space of jobs for the best one, or only say what such a search would be.

    `base` is a job as it would be submitted; each path of `space` varies a field of it. The service makes the jobs, a
    few at a time: ordinary jobs, with the sweep's id in `sweep`. Jobs at the ends of the space, and the points of a
    grid (of one with more than 2,000, so many of them), are checked now: problems point into `space` or `base`. A point
    that later turns out to be no job counts as failed.

    Send an `Idempotency-Key` to make retries safe: the same request with the same key makes no second sweep.
    """
    live = cache(live_workers(services))
    checked = parse_sweep(body, services.settings.caps, catalog_of(services, live))
    if query.dry_run:
        return Reply(preview_answer(creation.preview(checked)), 200)
    if (key := IDEMPOTENCY_KEY.read()) is None:
        sweep_id = creation.create(services.db, checked, actor=actor)
    else:
        once = SubmissionKey.of_sweep(key, checked.request.document, actor)
        sweep_id, _new = creation.create_once(services.db, checked, once, actor=actor)
    delivery.advance(services.db, services.broker, sweep_id, MOST_SECONDS)
    return Reply(_read(services, sweep_id), 201, {"Location": f"/v1/sweeps/{sweep_id}"})


@routes.route("GET", "/v1/sweeps", query=SweepsQuery, answers={200: wire.Page[wire.Sweep]})
def list_sweeps(services: Services, actor: Actor, query: SweepsQuery) -> Reply:
    """List the sweeps, newest first."""
    del actor  # everyone reads everything
    page = reads.sweeps(services.db, owner=query.owner, status=query.status, cursor=query.cursor, limit=query.limit)
    return Reply(wire.Page(items=[sweep_answer(one) for one in page.items], next_cursor=page.next_cursor))


@routes.route(
    "GET",
    "/v1/sweeps/<sweep>",
    query=ReadSweepQuery,
    answers={200: wire.Sweep},
    raises=(*NAMED, SuggestionFailed),
)
def read_sweep(services: Services, actor: Actor, query: ReadSweepQuery, sweep: str) -> Reply:
    """Read a sweep: what is searched, how far it is, the best point so far.

    `importance=true` adds the share of each path in what sets the best tenth of the points apart, from 20 points with a
    value on: of fewer it would be a guess, and is null.
    """
    del actor
    view = reads.sweep(services.db, whole_id(services.db, sweep))
    return Reply(sweep_answer(view, services.importances.of(services.db, view) if query.importance else None))


@routes.route(
    "GET",
    "/v1/sweeps/<sweep>/trials",
    query=TrialsQuery,
    answers={200: wire.Page[wire.Trial]},
    raises=NAMED,
    csv=True,
)
def list_trials(services: Services, actor: Actor, query: TrialsQuery, sweep: str) -> Reply | Response:
    """List the points of a sweep and what became of each: the best first, or as they were made.

    `Accept: text/csv` answers the page as CSV, with the next page's address in `Link`.
    """
    del actor
    sweep_id = whole_id(services.db, sweep)
    try:
        page = reads.trials(services.db, sweep_id, sort=query.sort, cursor=query.cursor, limit=query.limit)
    except ValueError:
        detail = f"The cursor belongs to another order than sort={query.sort}; start over without a cursor."
        raise InvalidQuery(detail, (FieldError("/cursor", detail),)) from None
    items = [orjson.dumps(trial_answer(one), default=vars) for one in page.items]
    return list_page(items, [], page.next_cursor)


@routes.route(
    "GET",
    "/v1/sweeps/<sweep>/events",
    query=EventsQuery,
    answers={200: SWEEP_EVENTS, 204: None},
    raises=(*NAMED, TooManyStreams),
    headers=(LAST_EVENT_ID,),
)
def stream_sweep_events(services: Services, actor: Actor, query: EventsQuery, sweep: str) -> Reply | Response:
    """Follow a sweep as server-sent events, from the start or after an event: jobs made, points promoted and ended.

    Reconnecting works as for a job's events. The stream ends once the sweep and all of its jobs have ended.
    """
    sweep_id, after = whole_id(services.db, sweep), max(query.after, last_event_id())
    position = events.position(services.db, sweep_id)
    if position.finished and after >= position.seq:
        return Reply(None, status=204)
    return streamed(services, services.streams.subscribe(sweep_id, after, events.events, owner=actor.owner))


@routes.route("POST", "/v1/sweeps/<sweep>/pause", answers={200: wire.Sweep}, raises=CHANGED)
def pause_sweep(services: Services, actor: Actor, sweep: str) -> Reply:
    """Pause a sweep: it makes no jobs and lets none go on. Those that run go on, up to where they stop anyway.

    A paused sweep stays paused (200); one that has finished or was cancelled answers 409.
    """
    sweep_id = whole_id(services.db, sweep)
    changes.pause(services.db, sweep_id, actor=actor)
    return _unless_cancelled(services, sweep_id, changes.pause, actor)


@routes.route("POST", "/v1/sweeps/<sweep>/resume", answers={200: wire.Sweep}, raises=CHANGED)
def resume_sweep(services: Services, actor: Actor, sweep: str) -> Reply:
    """Let a paused sweep go on. A running one runs on (200); one that has finished or was cancelled answers 409."""
    sweep_id = whole_id(services.db, sweep)
    changes.resume(services.db, sweep_id, actor=actor)
    delivery.advance(services.db, services.broker, sweep_id, MOST_SECONDS)
    return _unless_cancelled(services, sweep_id, changes.resume, actor)


@routes.route("POST", "/v1/sweeps/<sweep>/cancel", answers={200: wire.Sweep}, raises=CHANGED)
def cancel_sweep(services: Services, actor: Actor, sweep: str) -> Reply:
    """Cancel a sweep and those of its jobs that have not finished: at once, or within seconds those that run.

    Cancelling a cancelled sweep changes nothing (200); one that has finished answers 409.
    """
    sweep_id = whole_id(services.db, sweep)
    changes.cancel(services.db, sweep_id, actor=actor)
    delivery.advance(services.db, services.broker, sweep_id, MOST_SECONDS)  # which cancels its jobs
    delivery.advance(services.db, services.broker, sweep_id, MOST_SECONDS)  # and takes in the ends of those that waited
    return Reply(_read(services, sweep_id))


@routes.route("DELETE", "/v1/sweeps/<sweep>", answers={204: None}, raises=CHANGED)
def delete_sweep(services: Services, actor: Actor, sweep: str) -> Reply:
    """Delete a sweep that has ended. Its jobs stay. 409 while it or one of its jobs has not ended."""
    changes.delete(services.db, whole_id(services.db, sweep), actor=actor)
    return Reply(None)


def _unless_cancelled(services: Services, sweep_id: str, change: Callable[..., None], actor: Actor) -> Reply:
    """Answer a sweep that was changed; where it was cancelled meanwhile, refuse as the change is refused by now."""
    found = _read(services, sweep_id)
    if found.status == SweepStatus.CANCELLED:
        change(services.db, sweep_id, actor=actor)
    return Reply(found)


def _read(services: Services, sweep_id: str) -> wire.Sweep:
    return sweep_answer(reads.sweep(services.db, sweep_id))
