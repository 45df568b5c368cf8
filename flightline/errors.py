"""The exceptions of the client and of the command, in one tree.

FlightlineError (shared.errors)      code, retryable
├ ApiError                           the service answered with an error: status, code, detail, errors, problem
│ ├ InvalidRequest   400 413 415 422   `errors` point into the request
│ ├ Unauthenticated     401               no token, or one that the service does not accept (any more)
│ ├ Forbidden        403               the token's scope is too small, or the job is another owner's
│ ├ NotFound         404
│ ├ Conflict         409               the job's status does not allow it
│ ├ TooManyRequests  429               a limit was reached; `retry_after` says for how long
│ └ Unavailable      502 503 504       the same request may succeed later
├ ChecksumMismatch                   a downloaded file differs from the stored one
├ NotReachable                       nothing listens at the address
│ └ AnswerLost                       the request may have been received, but its answer was not
├ TrackerError                       an MLflow server refuses, or is none
├ FaultyImages                       images that cannot be trained on; `errors` name each file
├ UsageError                         wrong use of the command or client: a file, an id, an option
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
    "FaultyImages",
    "FieldError",
    "FlightlineError",
    "Forbidden",
    "InvalidRequest",
    "NotFound",
    "NotReachable",
    "OutputFailed",
    "StackError",
    "TooManyRequests",
    "TrackerError",
    "Unauthenticated",
    "Unavailable",
    "UsageError",
    "api_error",
]


class ApiError(FlightlineError):
    """The service answered with a problem (RFC 9457).

    Attributes:
        status: the HTTP status.
        code: stable and machine-readable, such as ``invalid_spec``.
        detail: the error in a sentence, for people, and what this client knows to do about it.
        errors: the faults in the request, each with a JSON pointer to its place.
        problem: the whole document as the service sent it.
        retry_after: seconds after which the service asks for a retry; None where it does not say.
    """

    code = "api_error"

    def __init__(
        self, status: int, problem: Mapping[str, Any], *, retry_after: float | None = None, detail: str = ""
    ) -> None:
        errors = tuple(
            FieldError(str(error.get("pointer", "")), str(error.get("detail", "")))
            for error in problem.get("errors") or ()
        )
        super().__init__(detail or str(problem.get("detail") or problem.get("title") or f"HTTP {status}"), errors)
        self.status = status
        self.problem = dict(problem)
        self.retry_after = retry_after
        # A class gives each of the service's own errors its code; here the code is in the answer.
        self.code = str(problem.get("code") or self.code)  # type: ignore[misc]
        self.retryable = self.retryable and problem.get("retryable") is not False  # type: ignore[misc]


class InvalidRequest(ApiError):
    """The request is invalid; each of `errors` has the place and the reason."""

    code = "invalid_request"


class Unauthenticated(ApiError):
    """The service asks for a token, or does not accept the one that was sent: it was revoked, or has expired."""

    code = "unauthenticated"


class Forbidden(ApiError):
    """The token's scope does not include the request, or the job belongs to somebody else."""

    code = "forbidden"


class NotFound(ApiError):
    """The service has no such job, artifact or page."""

    code = "not_found"


class Conflict(ApiError):
    """The job's status does not allow the action, or a shortened id fits several jobs."""

    code = "conflict"


class TooManyRequests(ApiError):
    """A limit of the service was reached; `retry_after` says in how many seconds there is room again."""

    code = "too_many_requests"
    retryable = True


class Unavailable(ApiError):
    """A part of the service (database, Redis, the API behind a proxy) does not answer at the moment."""

    code = "unavailable"
    retryable = True


class NotReachable(FlightlineError):
    """Nothing listens at the service's address, or no answer came in time."""

    code = "not_reachable"
    retryable = True


class AnswerLost(NotReachable):
    """The connection broke, or no answer came in time: the service may have done what was asked, or not."""

    code = "answer_lost"


class ChecksumMismatch(FlightlineError):
    """A downloaded file does not have the sha256 that the service has recorded."""

    code = "checksum_mismatch"
    retryable = True


class TrackerError(FlightlineError):
    """An MLflow server refused a request, or what answers at its address is none.

    Attributes:
        tracker_code: the server's own code, such as ``RESOURCE_DOES_NOT_EXIST``; empty where it gave none.
    """

    code = "tracker_error"

    def __init__(self, detail: str, tracker_code: str = "") -> None:
        super().__init__(detail)
        self.tracker_code = tracker_code


class FaultyImages(FlightlineError):
    """A folder of images cannot be a data set as it is; `errors` name each file or folder and say what to do."""

    code = "faulty_images"


class UsageError(FlightlineError):
    """The command or the client was used wrongly: an unreadable file, a malformed id, a clashing option."""

    code = "usage_error"


class OutputFailed(FlightlineError, OSError):
    """Standard output cannot be written.

    Attributes:
        reader_gone: whether the reader has closed the pipe (``| head``), which needs no message.
    """

    code = "output_failed"

    def __init__(self, reason: OSError) -> None:
        closed = reason.errno == errno.EBADF
        what = "standard output is closed" if closed else reason.strerror or str(reason)
        super().__init__(f"The output cannot be written: {what}.")
        self.reader_gone = isinstance(reason, BrokenPipeError)


class StackError(FlightlineError):
    """The stack on this machine cannot start, or cannot go on."""

    code = "stack_error"


class AlreadyRunning(StackError):
    """Another stack has locked this home, or still uses its database."""

    code = "already_running"


_BY_STATUS: Mapping[int, type[ApiError]] = {
    400: InvalidRequest,
    401: Unauthenticated,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    413: InvalidRequest,
    415: InvalidRequest,
    422: InvalidRequest,
    429: TooManyRequests,
    502: Unavailable,  # a proxy's, while the API behind it is restarted
    503: Unavailable,
    504: Unavailable,
}


def api_error(
    status: int, problem: Mapping[str, Any], *, retry_after: float | None = None, detail: str = ""
) -> ApiError:
    """The exception for a problem document that came with `status`; `detail` takes the place of its own."""
    return _BY_STATUS.get(status, ApiError)(status, problem, retry_after=retry_after, detail=detail)
