"""Every error that Flightline raises on purpose, in one tree.

FlightlineError                 code, retryable
├ BadRequest
├ InvalidSpec
├ InvalidQuery
├ InvalidHeader
├ NotFound
│ └ JobNotFound
├ AmbiguousJobId
├ IllegalTransition
├ IdempotencyKeyInUse
├ IdempotencyKeyReused
├ PayloadTooLarge
├ UnsupportedMediaType
├ ServiceUnavailable
│ ├ QueueUnavailable
│ ├ DatabaseUnavailable
│ │ └ DatabaseUnusable            somebody has to do something about it
│ └ StorageUnavailable            waited for; nothing is lost by it
├ ConfigurationError              a setting that cannot work
├ StorageError                    an artifact that needs somebody to act: storage full or forbidden, file missing
└ NoSuchDevice                    see worker/device_pin.py

With which HTTP status the API answers each stands in `api.http.errors`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True)
class FieldError:
    """One thing wrong in a document.

    Attributes:
        pointer: RFC 6901 JSON pointer into what was sent, such as ``/architecture/layers/2``; empty for the whole.
        detail: what is wrong there and what would be right.
    """

    pointer: str
    detail: str


class FlightlineError(Exception):
    """The root: `code` is stable and machine-readable, the message is for people."""

    code: ClassVar[str] = "internal_error"
    retryable: ClassVar[bool] = False

    def __init__(self, detail: str, errors: tuple[FieldError, ...] = ()) -> None:
        super().__init__(detail)
        self.detail = detail
        self.errors = errors


class BadRequest(FlightlineError):
    """The request itself cannot be read."""

    code = "bad_request"


class InvalidSpec(FlightlineError):
    """A submitted job that could not be trained; `errors` point at each reason."""

    code = "invalid_spec"


class InvalidQuery(FlightlineError):
    """A query parameter or a cursor that means nothing here."""

    code = "invalid_query"


class InvalidHeader(FlightlineError):
    """A request header that means nothing here."""

    code = "invalid_header"


class NotFound(FlightlineError):
    """There is no such thing."""

    code = "not_found"


class JobNotFound(NotFound):
    """There is no job with this id."""

    code = "job_not_found"

    def __init__(self, job_id: str) -> None:
        short = "of an id, four or more characters of its end will do"
        super().__init__(f"There is no job {job_id}. GET /v1/jobs lists those that there are; {short}.")


class AmbiguousJobId(FlightlineError):
    """Several jobs have an id that ends so; `jobs` names them, the newest first, up to ten.

    Attributes:
        jobs: the ids.
    """

    code = "ambiguous_id"

    def __init__(self, ending: str, jobs: Sequence[str], *, more: bool) -> None:
        many = f"More than {len(jobs)}" if more else str(len(jobs))
        super().__init__(f"{many} jobs have an id that ends in {ending}. Write more of it: {', '.join(jobs)}.")
        self.jobs = tuple(jobs)


class IllegalTransition(FlightlineError):
    """The job's status does not allow what was asked."""

    code = "illegal_transition"


class IdempotencyKeyInUse(FlightlineError):
    """The first submission with this key is still in progress; the same request succeeds in a moment."""

    code = "idempotency_key_in_use"
    retryable = True


class IdempotencyKeyReused(FlightlineError):
    """The key was sent before, with a request for something else."""

    code = "idempotency_key_reused"


class PayloadTooLarge(FlightlineError):
    """The body is larger than `FLIGHTLINE_MAX_BODY_BYTES`."""

    code = "payload_too_large"


class UnsupportedMediaType(FlightlineError):
    """The body is not declared as JSON, or is compressed."""

    code = "unsupported_media_type"


class ServiceUnavailable(FlightlineError):
    """A part that the request needs does not answer; the same request may succeed later."""

    code = "service_unavailable"
    retryable = True


class QueueUnavailable(ServiceUnavailable):
    """Redis does not answer."""

    code = "queue_unavailable"


class DatabaseUnavailable(ServiceUnavailable):
    """The SQL database does not answer."""

    code = "database_unavailable"


class DatabaseUnusable(DatabaseUnavailable):
    """The SQL database is there, but nothing will work until somebody does what the message says.

    It holds no tables of this release, its disk is full, its file is gone, damaged or may not be read.
    """

    retryable = False


class StorageUnavailable(ServiceUnavailable):
    """The artifact storage does not answer: a network or server fault, throttling, a volume that is not mounted."""

    code = "storage_unavailable"


class ConfigurationError(FlightlineError):
    """A setting that cannot work; the message names the variable."""

    code = "configuration_error"


class StorageError(FlightlineError):
    """An artifact cannot be written or read before somebody acts: no space, no permission, no such file or bucket."""

    code = "storage_error"
