"""The endpoints of the fleet: workers and queues."""

from __future__ import annotations

from api.http.operations import Reply, Routes
from api.services import Services
from shared import wire
from shared.errors import DatabaseUnavailable
from shared.jobs.actor import Actor
from shared.jobs.reads import queries

routes = Routes("fleet", raises=(DatabaseUnavailable,))


@routes.route("GET", "/v1/workers", answers={200: wire.Page[wire.Worker]})
def list_workers(services: Services, actor: Actor) -> Reply:  # noqa: ARG001 -- every endpoint is given who asks
    """List the workers: device, versions, data held, state, job and last heartbeat."""
    workers = queries.workers(services.db, silent_seconds=services.settings.lease_seconds)
    return Reply(wire.Page(items=workers, next_cursor=None))


@routes.route("GET", "/v1/queues", answers={200: wire.Page[wire.Queue]})
def list_queues(services: Services, actor: Actor) -> Reply:  # noqa: ARG001 -- every endpoint is given who asks
    """List the queues: how many jobs wait in each, and how long the oldest has been waiting."""
    return Reply(wire.Page(items=queries.queues(services.db, services.broker), next_cursor=None))
