"""Every error as an RFC 9457 problem+json document. `code` is stable; `detail` is for people.

Flightline's errors carry a code (`shared/errors.py`), HTTP's own errors a status: the tables below map one to the
other. Any other exception is a bug: it is logged with its traceback under an id, and the client gets only that id.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from uuid import uuid4

import orjson
from flask import Flask, Response, request
from pydantic import BaseModel, ConfigDict, Field
from werkzeug.exceptions import HTTPException

from shared.errors import AmbiguousJobId, FieldError, FlightlineError, JobNotFound, ServiceUnavailable, TooManyRequests
from shared.redaction import redacted
from shared.telemetry import origin

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_SECONDS = 2

STATUSES: Mapping[str, int] = {
    "bad_request": 400,
    "unauthenticated": 401,
    "forbidden": 403,
    "insufficient_scope": 403,
    "not_owner": 403,
    "not_found": 404,
    "job_not_found": 404,
    "sweep_not_found": 404,
    "dataset_not_found": 404,
    "webhook_not_found": 404,
    "delivery_not_found": 404,
    "token_not_found": 404,
    "ambiguous_id": 409,
    "illegal_transition": 409,
    "too_many_webhooks": 409,
    "idempotency_key_in_use": 409,
    "payload_too_large": 413,
    "unsupported_media_type": 415,
    "range_not_satisfiable": 416,
    "misdirected_request": 421,
    "invalid_spec": 422,
    "invalid_image": 422,
    "not_exportable": 422,
    "malformed_json": 422,
    "invalid_webhook": 422,
    "invalid_query": 422,
    "invalid_header": 422,
    "idempotency_key_reused": 422,
    "too_many_requests": 429,
    "too_many_failed_sign_ins": 429,
    "too_many_queued_jobs": 429,
    "internal_error": 500,
    "configuration_error": 500,
    "storage_error": 500,
    "service_unavailable": 503,
    "queue_unavailable": 503,
    "suggestion_failed": 503,
    "database_unavailable": 503,
    "storage_unavailable": 503,
    "no_predictor": 503,
    "predictor_unavailable": 503,
    "too_many_predictions": 503,
    "webhook_key_unusable": 503,
    "not_ready": 503,
    "too_many_streams": 503,
}
"""The HTTP status of each error's code."""
HTTP_CODES: Mapping[int, str] = {
    400: "bad_request",
    401: "unauthenticated",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    413: "payload_too_large",
    415: "unsupported_media_type",
    421: "misdirected_request",
}

log = logging.getLogger(__name__)


def status_of(error: FlightlineError | type[FlightlineError]) -> int:
    """Return the HTTP status of the response to an error; 500 for a code that `STATUSES` does not list."""
    return STATUSES.get(error.code, HTTPStatus.INTERNAL_SERVER_ERROR)


class Forbidden(FlightlineError):
    """The request came from a page of another site."""

    code = "forbidden"


class Unauthenticated(FlightlineError):
    """The request has no token, or one that is unknown, was revoked or has expired.

    Args:
        detail: what is wrong, without the token.
        error: RFC 6750's code for a token that is not accepted; None where the request has none.
    """

    code = "unauthenticated"

    def __init__(self, detail: str, *, error: str | None = None) -> None:
        super().__init__(detail)
        self.challenge = _challenge(error=error)


class InsufficientScope(FlightlineError):
    """The token does not allow this operation.

    Args:
        detail: what is wrong.
        scope: the scope that the operation takes.
    """

    code = "insufficient_scope"

    def __init__(self, detail: str, scope: str) -> None:
        super().__init__(detail)
        self.challenge = _challenge(error=self.code, scope=scope)


def _challenge(**parts: str | None) -> str:
    """Return the `WWW-Authenticate` header of a response, as RFC 6750 defines it."""
    given = {"realm": "Flightline", **parts}
    return "Bearer " + ", ".join(f'{name}="{value}"' for name, value in given.items() if value is not None)


class MisdirectedRequest(FlightlineError):
    """The request's `Host` is not one of this service's host names."""

    code = "misdirected_request"


class ProblemError(BaseModel):
    """One thing wrong with a request, and its place in it."""

    model_config = ConfigDict(extra="forbid")

    pointer: str = Field(
        description="JSON pointer into the request's body, or for `invalid_query` into its query parameters; for "
        "`invalid_image` the number of the image, from 0."
    )
    detail: str


class Problem(BaseModel):
    """The body of every error response, as RFC 9457 defines it."""

    model_config = ConfigDict(extra="allow")

    type: str
    title: str
    status: int
    code: str = Field(description="Stable name of the error, for programs.")
    detail: str = Field(description="What is wrong and what to do, for people.")
    errors: list[ProblemError]
    request_id: str = Field(default="", description="Id of the request, under which the service's log names it.")
    retryable: bool = Field(
        default=True, description="False for a 503 that lasts until an operator does what `detail` says."
    )


def problem(
    status: int,
    code: str,
    detail: str,
    *,
    errors: Iterable[FieldError] = (),
    headers: Iterable[tuple[str, str]] = (),
    **members: object,
) -> Response:
    """Build a problem+json response; `members` become further top-level members of the document.

    A secret that a request had where none belongs, such as a token in its path, is not repeated.
    """
    document = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "code": code,
        "detail": redacted(detail),
        "errors": [{"pointer": redacted(one.pointer), "detail": redacted(one.detail)} for one in errors],
        **members,
    }
    if request_id := origin.current().request:
        document["request_id"] = request_id
    response = Response(orjson.dumps(document), status, mimetype=MEDIA_TYPE)
    response.headers["Cache-Control"] = "no-store"
    response.headers.extend(headers)
    return response


def register(app: Flask) -> None:
    """Make `app` turn every exception into a problem+json response."""
    app.register_error_handler(FlightlineError, _flightline_error)
    app.register_error_handler(AmbiguousJobId, _about_jobs)
    app.register_error_handler(JobNotFound, _about_jobs)
    app.register_error_handler(TooManyRequests, _too_many)
    app.register_error_handler(Unauthenticated, _challenged)
    app.register_error_handler(InsufficientScope, _challenged)
    app.register_error_handler(HTTPException, of_http)
    app.register_error_handler(Exception, _unexpected)


def _flightline_error(error: FlightlineError) -> Response:
    status = status_of(error)
    if isinstance(error, ServiceUnavailable):
        log.warning("service_unavailable", extra={"code": error.code, "detail": error.detail, "path": request.path})
        # Retrying does not help until an operator has acted.
        headers = [("Retry-After", str(RETRY_AFTER_SECONDS))] if error.retryable else []
        lasting = {} if error.retryable else {"retryable": False}
        return problem(status, error.code, error.detail, errors=error.errors, headers=headers, **lasting)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return _unexpected(error)
    return problem(status, error.code, error.detail, errors=error.errors)


def _about_jobs(error: AmbiguousJobId | JobNotFound) -> Response:
    return problem(status_of(error), error.code, error.detail, jobs=[redacted(job) for job in error.jobs])


def _too_many(error: TooManyRequests) -> Response:
    headers = [("Retry-After", str(error.retry_after))]
    return problem(status_of(error), error.code, error.detail, errors=error.errors, headers=headers)


def _challenged(error: Unauthenticated | InsufficientScope) -> Response:
    return problem(status_of(error), error.code, error.detail, headers=[("WWW-Authenticate", error.challenge)])


def of_http(error: HTTPException) -> Response:
    """Return the problem for an error of HTTP itself."""
    status = error.code or HTTPStatus.INTERNAL_SERVER_ERROR
    headers = [(name, value) for name, value in error.get_headers() if name not in {"Content-Type", "Content-Length"}]
    return problem(status, HTTP_CODES.get(status, f"http_{status}"), _detail(error), headers=headers)


def _detail(error: HTTPException) -> str:
    if error.code == HTTPStatus.NOT_FOUND:
        return f"There is nothing at {request.path[:200]}. GET {request.script_root}/docs lists what there is."
    if error.code == HTTPStatus.METHOD_NOT_ALLOWED:
        return f"{request.path[:200]} does not support {request.method}; the Allow header lists what it supports."
    return error.description or HTTPStatus(error.code or 500).phrase


def _unexpected(error: Exception) -> Response:
    instance = uuid4().urn
    log.error(
        "request_failed",
        exc_info=error,
        extra={"instance": instance, "method": request.method, "path": request.path},
    )
    detail = "This is a fault of the server, not of the request. Its log has the cause under the id in `instance`."
    return problem(500, "internal_error", detail, instance=instance)
