"""The endpoint of a job's event stream."""

from __future__ import annotations

from flask import Response

from api.http.operations import Raw, Reply, Routes
from api.http.requests.parameters import LAST_EVENT_ID, EventsQuery
from api.http.streams import TooManyStreams
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
            "description": "`id: SEQ`, `event: status | epoch | resumed | cancel_requested | priority | edited`, "
            "`data: JSON`.",
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
    after = max(query.after, _last_event_id())
    position = events.position(services.db, job_id, actor=actor)
    if position.finished and after >= position.seq:
        return Reply(None, status=204)
    subscription = services.streams.subscribe(job_id, after)
    response = Response(subscription.frames(), mimetype="text/event-stream")
    response.call_on_close(lambda: services.streams.close(subscription))
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Accel-Buffering"] = "no"  # nginx would buffer events
    return response


def _last_event_id() -> int:
    return int(LAST_EVENT_ID.read() or 0)
