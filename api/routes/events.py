"""The endpoints of event streams: a job's events, and the bell for the whole service."""

from __future__ import annotations

from flask import Response

from api.http.live.streams import Stream, TooManyStreams
from api.http.operations import Raw, Reply, Routes
from api.http.requests.parameters import LAST_EVENT_ID, EventsQuery
from api.services import Services
from shared.errors import DatabaseUnavailable, JobNotFound
from shared.jobs.actor import Actor
from shared.jobs.reads import events

routes = Routes("results", raises=(DatabaseUnavailable,))
EVENT_STREAM = Raw(
    "text/event-stream",
    {
        "schema": {
            "type": "string",  # OpenAPI 3.1 has no schema for server-sent events
            "description": "`id: SEQ`, `data: JSON`, and `event: status | epoch | resumed | following | "
            "cancel_requested | priority | edited`.",
        }
    },
)
BELL = Raw(
    "text/event-stream",
    {
        "schema": {
            "type": "string",
            "description": "`event: reset`, `data: {}`: any job or sweep may have changed; or `event: jobs` or "
            '`event: sweeps`, `data: {"ids": [ID, …]}`: these have.',
        }
    },
)


@routes.route(
    "GET",
    "/v1/jobs/<job_id>/events",
    query=EventsQuery,
    answers={200: EVENT_STREAM, 204: None},
    raises=(JobNotFound, TooManyStreams),
    headers=(LAST_EVENT_ID,),
)
def stream_events(services: Services, actor: Actor, query: EventsQuery, job_id: str) -> Reply | Response:
    """Follow a job's status changes and epochs as server-sent events, from the start or after an event.

    A reader that reconnects with `Last-Event-ID`, as browsers do, or with `after=` misses no event, whatever was
    restarted in between. The stream ends with the job. Reconnecting after that answers 204, which makes a browser stop.
    """
    after = max(query.after, last_event_id())
    position = events.position(services.db, job_id, actor=actor)
    if position.finished and after >= position.seq:
        return Reply(None, status=204)
    return streamed(services, services.streams.subscribe(job_id, after, owner=actor.owner))


@routes.route("GET", "/v1/events", answers={200: BELL}, raises=(TooManyStreams,))
def stream_bell(services: Services, actor: Actor) -> Response:
    """Hear which jobs have changed, as server-sent events: submitted, changed, trained by an epoch, ended, deleted.

    A stream begins with `reset`: whoever reads what is of interest after it, and then what each `jobs` names, misses
    nothing; `sweeps` names the sweeps that have changed, by themselves or with one of their jobs. What was deleted, a
    job or a sweep, is named by both. After a broken connection the next stream begins so too. Both come at most four
    times a second.
    """
    return streamed(services, services.streams.listen(owner=actor.owner))


def streamed(services: Services, stream: Stream) -> Response:
    """Return the response that sends a stream, and closes it afterwards."""
    response = Response(stream.frames(), mimetype="text/event-stream")
    response.call_on_close(lambda: services.streams.close(stream))
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Accel-Buffering"] = "no"  # nginx would buffer events
    return response


def last_event_id() -> int:
    """Return the id of the last event that the reader of this request has; 0 where it names none."""
    return int(LAST_EVENT_ID.read() or 0)
