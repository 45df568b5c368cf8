"""The endpoint of the metrics."""

from __future__ import annotations

from flask import Response
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from api.http.operations import Raw, Routes
from api.services import Services
from shared.jobs.actor import Actor

routes = Routes("health")


@routes.route("GET", "/metrics", answers={200: Raw("text/plain", {"schema": {"type": "string"}})})
def read_metrics(services: Services, actor: Actor) -> Response:  # noqa: ARG001 -- every endpoint is given who asks
    """Read the metrics of the whole service for Prometheus, in its text format.

    They are those of all processes of the API, whichever answers. While the database or Redis is unavailable,
    `flightline_database_up` or `flightline_redis_up` is 0, and what it would tell is left out.
    """
    return Response(services.metrics.text(), content_type=CONTENT_TYPE_PLAIN_0_0_4)
