"""What a user of the client can meet, in one tree.

FlightlineError (shared.errors)      code, retryable
├ ApiError                           the service said no: status, code, detail, errors, problem
│ ├ InvalidRequest   400 413 415 422   `errors` point into what was sent
│ ├ NotFound         404
│ ├ Conflict         409               the job's status does not allow it
│ └ Unavailable      502 503 504       the same request may succeed later
├ ChecksumMismatch                   what was downloaded is not what the service keeps
├ NotReachable                       nobody listens at the address, or nothing came back in time
│ └ AnswerLost                       the request may have been received, but its answer was not
├ UsageError                         what was asked for makes no sense here: a file, an id, an option
├ OutputFailed                       standard output cannot be written
└ StackError                         the stack on this machine cannot start or go on
  └ AlreadyRunning                   another stack holds this home
"""

from __future__ import annotations

import errno
from collections.abc import Mapping
from typing import Any

from shared.errors import FieldError, FlightlineError

__all__ = [
    "AlreadyRunning",
    "AnswerLost",
    "ApiError",
    "ChecksumMismatch",
    "Conflict",
    "FieldError",
    "FlightlineError",
    "InvalidRequest",
    "NotFound",
    "NotReachable",
    "OutputFailed",
    "StackError",
    "Unavailable",
    "UsageError",
    "api_error",
]


class ApiError(FlightlineError):
    """The service answered with a problem (RFC 9457).

    Attributes:
        status: the HTTP status.
        code: stable and machine-readable, such as ``invalid_spec``.
        detail: the same for people.
        errors: what is wrong where, as JSON pointers into what was sent.
        problem: the whole document as the service sent it.
        retry_after: seconds after which the service wants to be asked again, None where it says nothing.
    """

    code = "api_error"

    def __init__(self, status: int, problem: Mapping[str, Any], *, retry_after: float | None = None) -> None:
        errors = tuple(
            FieldError(str(error.get("pointer", "")), str(error.get("detail", "")))
            for error in problem.get("errors") or ()
        )
        super().__init__(str(problem.get("detail") or problem.get("title") or f"HTTP {status}"), errors)
        self.status = status
        self.problem = dict(problem)
        self.retry_after = retry_after
        # A class gives each of the service's own errors its code; here the code is in the answer.
        self.code = str(problem.get("code") or self.code)  # type: ignore[misc]
        self.retryable = self.retryable and problem.get("retryable") is not False  # type: ignore[misc]


class InvalidRequest(ApiError):
    """The service cannot work with what was sent; `errors` say where."""

    code = "invalid_request"


class NotFound(ApiError):
    """There is no such job, file or page."""

    code = "not_found"


class Conflict(ApiError):
    """The job's status does not allow what was asked, or several jobs' ids end as was asked."""

    code = "conflict"


class Unavailable(ApiError):
    """A part of the service (database, Redis, the API behind a proxy) does not answer at the moment."""

    code = "unavailable"
    retryable = True


class NotReachable(FlightlineError):
    """Nobody listens at the service's address, or nothing came back in time."""

    code = "not_reachable"
    retryable = True


class AnswerLost(NotReachable):
    """The connection broke, or no answer came in time: the service may have done what was asked, or not."""

    code = "answer_lost"


class ChecksumMismatch(FlightlineError):
    """What was downloaded is not what the service keeps."""

    code = "checksum_mismatch"
    retryable = True


class UsageError(FlightlineError):
    """What was asked for makes no sense here: an unreadable file, an ambiguous id, a clashing option."""

    code = "usage_error"


class OutputFailed(FlightlineError, OSError):
    """Standard output cannot be written.

    Attributes:
        reader_gone: whether who read it has had enough (``| head``), which needs no message.
    """

    code = "output_failed"

    def __init__(self, reason: OSError) -> None:
        closed = reason.errno == errno.EBADF
        what = "standard output is closed" if closed else reason.strerror or str(reason)
        super().__init__(f"The output cannot be written: {what}.")
        self.reader_gone = isinstance(reason, BrokenPipeError)


class StackError(FlightlineError):
    """The stack on this machine cannot start or go on."""

    code = "stack_error"


class AlreadyRunning(StackError):
    """Another stack holds this home."""

    code = "already_running"


_BY_STATUS: Mapping[int, type[ApiError]] = {
    400: InvalidRequest,
    404: NotFound,
    409: Conflict,
    413: InvalidRequest,
    415: InvalidRequest,
    422: InvalidRequest,
    502: Unavailable,  # a proxy's, while the API behind it is restarted
    503: Unavailable,
    504: Unavailable,
}


def api_error(status: int, problem: Mapping[str, Any], *, retry_after: float | None = None) -> ApiError:
    """The exception for a problem document that came with `status`."""
    return _BY_STATUS.get(status, ApiError)(status, problem, retry_after=retry_after)
