"""The endpoints of health: whether this process is up, and whether the database and Redis answer."""

from __future__ import annotations

import logging
from collections.abc import Callable

from api.http.operations import Reply, Routes
from api.services import Services
from shared import wire
from shared.errors import FlightlineError, ServiceUnavailable
from shared.jobs.actor import Actor

routes = Routes("health")
log = logging.getLogger(__name__)

PROBE_SECONDS = 3.0
"""How long readiness waits for the database and Redis together: a frozen server keeps its connections open."""


class NotReady(ServiceUnavailable):
    """The database or Redis does not answer."""

    code = "not_ready"


class NotReadyUntilMended(NotReady):
    """The database or Redis stays unavailable until an operator does what the message says."""

    retryable = False


@routes.route("GET", "/healthz", answers={200: wire.Health}, scope=None)
def read_health(services: Services, actor: Actor) -> Reply:  # noqa: ARG001 -- every endpoint is given both
    """Answer 200 for as long as this process is up."""
    return Reply(wire.Health(status="ok"))


@routes.route("GET", "/readyz", answers={200: wire.Readiness}, raises=(NotReady,), scope=None)
def read_readiness(services: Services, actor: Actor) -> Reply:  # noqa: ARG001 -- every endpoint is given who asks
    """Answer 200 while the database and Redis answer, otherwise 503.

    The reason is in the response; where requests need a token, which this one does not, it is in the log alone.
    """
    try:
        _require_ready(services)
    except NotReady as error:
        if not services.authentication.required:
            raise
        log.warning("not_ready", extra={"detail": error.detail})
        raise type(error)("The service is not ready; the API's log says why.") from None
    return Reply(wire.Readiness(status="ready"))


def _require_ready(services: Services) -> None:
    """Raise NotReady unless the database and Redis answer."""
    asked = services.probes.submit(lambda: _failures(services))
    try:
        failures = asked.result(PROBE_SECONDS)
    except TimeoutError:
        asked.cancel()
        raise NotReady(f"The database or Redis has not answered for {PROBE_SECONDS:g} s.") from None
    if failures:
        kind = NotReady if all(error.retryable for error in failures) else NotReadyUntilMended
        raise kind(" ".join(error.detail for error in failures))


def _failures(services: Services) -> list[FlightlineError]:
    return [error for check in (services.db.ping, services.broker.ping) if (error := _failure(check))]


def _failure(check: Callable[[], object]) -> FlightlineError | None:
    try:
        check()
    except FlightlineError as error:
        return error
    return None
