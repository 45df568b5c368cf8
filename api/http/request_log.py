"""The id of each request: in its answer, in every line that is logged for it, and in the jobs that it submits.

The service in front of this one, or the client, may send an id as ``X-Request-ID``; otherwise one is made.
"""

from __future__ import annotations

import logging
import re
import time
from contextlib import AbstractContextManager, ExitStack
from http import HTTPStatus
from uuid import uuid4

from flask import Flask, Response, g, request

from api.http.metrics.requests import RequestFigures
from api.http.security import SAFE_METHODS
from shared import logs
from shared.telemetry import origin, tracing
from shared.telemetry.origin import Origin
from shared.telemetry.tracing import SpanKind

HEADER = "X-Request-ID"
UNTRACED = frozenset({"read_health", "read_readiness", "read_metrics"})
"""Operations without a span: what asks for them every few seconds would fill the traces."""
_ACCEPTED = re.compile(r"[\w.:+/=@-]{1,128}", re.ASCII)

log = logging.getLogger(__name__)


def register(app: Flask, figures: RequestFigures) -> None:
    """Give every request of `app` an id, log it once it is answered, and count it in `figures`. Call before all else.

    Requests that change something are logged from INFO up, reads at DEBUG.
    """
    app.before_request(_begin)
    app.after_request(lambda response: _answered(response, figures))
    app.teardown_request(_end)


def request_id(sent: str | None) -> str:
    """Return the id that the request was sent with, if it is one; else a new one."""
    return sent if sent is not None and _ACCEPTED.fullmatch(sent) else uuid4().hex


def _begin() -> None:
    g.began = time.perf_counter()
    g.request_id = request_id(request.headers.get(HEADER))
    g.request_scope = ExitStack()
    g.request_scope.enter_context(logs.bound(request=g.request_id))
    if request.endpoint not in UNTRACED:
        g.request_scope.enter_context(_span())
    g.request_scope.enter_context(origin.working_for(Origin(g.request_id, tracing.traceparent())))


def _span() -> AbstractContextManager[None]:
    """Return the span of the current request, a part of the trace that its sender is in, if it says so."""
    route = request.url_rule.rule if request.url_rule else "unknown"
    attributes = {"http.request.method": request.method, "http.route": route, "flightline.request": g.request_id}
    sent = request.headers.get("traceparent")
    return tracing.span(f"{request.method} {route}", attributes, kind=SpanKind.SERVER, parent=sent)


def _answered(response: Response, figures: RequestFigures) -> Response:
    seconds = time.perf_counter() - g.began
    response.headers[HEADER] = g.request_id
    figures.observe(request.endpoint, response.status_code, seconds)
    fault = response.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR
    tracing.describe({"http.response.status_code": response.status_code}, failure=response.status if fault else None)
    level = logging.DEBUG if request.method in SAFE_METHODS else logging.INFO
    if log.isEnabledFor(level):
        fields = {"method": request.method, "path": request.path, "status": response.status_code}
        made = {"location": response.location} if response.location else {}
        log.log(level, "answered", extra={**fields, "milliseconds": round(seconds * 1000, 1), **made})
    return response


def _end(_error: BaseException | None) -> None:
    if scope := g.pop("request_scope", None):
        scope.close()
