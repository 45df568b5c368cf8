"""Every error that Flightline raises on purpose, in one tree.

FlightlineError                 code, retryable
├ BadRequest
├ InvalidSpec
├ InvalidImage
├ NotExportable
├ InvalidWebhook
├ InvalidQuery
├ InvalidHeader
├ NotFound
│ ├ JobNotFound
│ ├ SweepNotFound
│ ├ DatasetNotFound
│ ├ WebhookNotFound
│ ├ DeliveryNotFound
│ └ TokenNotFound
├ NotYours
├ AmbiguousJobId
├ AmbiguousSweepId
├ IllegalTransition
├ TooManyWebhooks
├ IdempotencyKeyInUse
├ IdempotencyKeyReused
├ TooManyRequests
│ ├ TooManyFailedSignIns
│ └ TooManyQueuedJobs
├ PayloadTooLarge
├ UnsupportedMediaType
├ ServiceUnavailable
│ ├ QueueUnavailable
│ ├ DatabaseUnavailable
│ │ └ DatabaseUnusable            lasts until an operator acts
│ ├ StorageUnavailable            passes by itself; callers wait and lose nothing
│ ├ NoPredictor                   lasts until an operator starts one
│ ├ PredictorUnavailable
│ ├ WebhookKeyUnusable            lasts until an operator acts
│ └ TooManyPredictions
├ SuggestionFailed                Optuna gave no point; asked again later
├ ConfigurationError              a setting that cannot work
├ StorageError                    lasts until an operator acts: storage full or forbidden, file missing
└ NoSuchDevice                    see worker/device_pin.py

`api.http.errors` maps each error's code to an HTTP status.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from shared.redaction import redacted

_MOST_NAMED = 10
"""Most jobs that an error names in its words."""


@dataclass(frozen=True)
class FieldError:
    """One thing wrong in a document, and its place.

    Attributes:
        pointer: RFC 6901 JSON pointer into the sent document, such as ``/architecture/layers/2``; empty for the whole.
        detail: what is wrong there and what would be right.
    """

    pointer: str
    detail: str


class FlightlineError(Exception):
    """The root: `code` is stable and machine-readable, the message is for people."""

    code: ClassVar[str] = "internal_error"
    retryable: ClassVar[bool] = False

    def __init__(self, detail: str, errors: tuple[FieldError, ...] = ()) -> None:
        self.detail = redacted(detail)
        super().__init__(self.detail)
        self.errors = errors


class BadRequest(FlightlineError):
    """The request itself cannot be read."""

    code = "bad_request"


class InvalidSpec(FlightlineError):
    """A submitted job that cannot be trained; `errors` point at each reason."""

    code = "invalid_spec"


class InvalidImage(FlightlineError):
    """An image that cannot be classified; `errors` point at each image by its number, from 0, and name its file."""

    code = "invalid_image"


class NotExportable(FlightlineError):
    """The network cannot be written in the format asked for, or what was written gives other scores."""

    code = "not_exportable"


class InvalidWebhook(FlightlineError):
    """A webhook that cannot be made: its URL is not allowed, or it asks for unknown events; `errors` point at each."""

    code = "invalid_webhook"


class InvalidQuery(FlightlineError):
    """An unknown query parameter, or one with an invalid value."""

    code = "invalid_query"


class InvalidHeader(FlightlineError):
    """A request header with an invalid value."""

    code = "invalid_header"


class NotFound(FlightlineError):
    """What the request names does not exist."""

    code = "not_found"


class JobNotFound(NotFound):
    """No job of this actor has the given id, or any of the given ids.

    Attributes:
        jobs: the ids, or ends of ids, that there is no job of.
    """

    code = "job_not_found"

    def __init__(self, *jobs: str) -> None:
        short = "Of an id, four or more characters of its end will do."
        named = ", ".join(job if job.isprintable() else repr(job) for job in jobs[:_MOST_NAMED])
        more = f" and {len(jobs) - _MOST_NAMED:,} more" if len(jobs) > _MOST_NAMED else ""
        gone = "it was deleted, or the id is mistyped" if len(jobs) == 1 else "they were deleted, or are mistyped"
        are = "is no job" if len(jobs) == 1 else "are no jobs"
        super().__init__(f"There {are} {named}{more}: {gone}. {short}")
        self.jobs = jobs


class SweepNotFound(NotFound):
    """No sweep has the given id."""

    code = "sweep_not_found"

    def __init__(self, sweep_id: str) -> None:
        super().__init__(f"There is no sweep {sweep_id}: it was deleted, or the id is mistyped.")


class DatasetNotFound(NotFound):
    """No data set of this name is built in, and no worker has ever reported one."""

    code = "dataset_not_found"

    def __init__(self, name: str, known: Sequence[str]) -> None:
        super().__init__(f"There is no data set {name!r:.80}. Known: {', '.join(known)}.")


class WebhookNotFound(NotFound):
    """No webhook has the given id."""

    code = "webhook_not_found"

    def __init__(self, webhook_id: str) -> None:
        super().__init__(f"There is no webhook {webhook_id!r:.80}: it was deleted, or the id is mistyped.")


class DeliveryNotFound(NotFound):
    """The webhook has no delivery with the given id; deliveries are kept for 30 days."""

    code = "delivery_not_found"

    def __init__(self, delivery_id: str) -> None:
        super().__init__(f"The webhook has no delivery {delivery_id!r:.80}: they are kept for 30 days.")


class TokenNotFound(NotFound):
    """No token has the given id."""

    code = "token_not_found"

    def __init__(self) -> None:  # does not repeat the id: somebody may have sent the token itself
        super().__init__("There is no token with this id: it was revoked, or the id is mistyped.")


class NotYours(FlightlineError):
    """The job or sweep belongs to another owner; only a token with the scope `admin` may change or delete it."""

    code = "not_owner"

    def __init__(self, job_id: str, owner: str | None, what: str = "Job") -> None:
        whose = "was submitted without a token" if owner is None else f"belongs to {owner}"
        super().__init__(
            f"{what} {job_id} {whose}. Changing, cancelling or deleting it takes a token with the scope `admin`."
        )


class AmbiguousJobId(FlightlineError):
    """Several jobs' ids have the given ending.

    Attributes:
        jobs: ids of up to ten of the jobs, newest first.
    """

    code = "ambiguous_id"

    def __init__(self, ending: str, jobs: Sequence[str], *, more: bool) -> None:
        many = f"More than {len(jobs)}" if more else str(len(jobs))
        super().__init__(f"{many} jobs have an id that ends in {ending}. Write more of it: {', '.join(jobs)}.")
        self.jobs = tuple(jobs)


class AmbiguousSweepId(FlightlineError):
    """Several sweeps' ids have the given ending."""

    code = "ambiguous_id"

    def __init__(self, ending: str, sweeps: Sequence[str], *, more: bool) -> None:
        many = f"More than {len(sweeps)}" if more else str(len(sweeps))
        super().__init__(f"{many} sweeps have an id that ends in {ending}. Write more of it: {', '.join(sweeps)}.")


class IllegalTransition(FlightlineError):
    """The job's status does not allow the requested change."""

    code = "illegal_transition"


class TooManyWebhooks(FlightlineError):
    """The service has its largest number of webhooks."""

    code = "too_many_webhooks"


class IdempotencyKeyInUse(FlightlineError):
    """The first submission with this key is still in progress; the same request succeeds in a moment."""

    code = "idempotency_key_in_use"
    retryable = True


class IdempotencyKeyReused(FlightlineError):
    """The key was sent before, with a different request."""

    code = "idempotency_key_reused"


class TooManyRequests(FlightlineError):
    """A token's requests of this minute are used up; the same request succeeds after the seconds of `Retry-After`.

    Attributes:
        retry_after: seconds to wait, at least 1.
    """

    code = "too_many_requests"
    retryable = True

    def __init__(self, detail: str, retry_after: int) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


class TooManyFailedSignIns(TooManyRequests):
    """Too many requests from this address came with an unknown token within a minute."""

    code = "too_many_failed_sign_ins"


class TooManyQueuedJobs(TooManyRequests):
    """The owner's jobs that wait to run are as many as are allowed, or would become more."""

    code = "too_many_queued_jobs"


class PayloadTooLarge(FlightlineError):
    """The body is larger than `FLIGHTLINE_MAX_BODY_BYTES`."""

    code = "payload_too_large"


class UnsupportedMediaType(FlightlineError):
    """The body is not declared as JSON, or is compressed."""

    code = "unsupported_media_type"


class ServiceUnavailable(FlightlineError):
    """A service that the request needs is unavailable; the same request may succeed later."""

    code = "service_unavailable"
    retryable = True


class QueueUnavailable(ServiceUnavailable):
    """Redis is unavailable: it does not answer, or it refuses writes."""

    code = "queue_unavailable"


class DatabaseUnavailable(ServiceUnavailable):
    """The SQL database is unavailable; the same call may succeed later."""

    code = "database_unavailable"


class DatabaseUnusable(DatabaseUnavailable):
    """The SQL database cannot be used until an operator does what the message says.

    The database lacks tables of this release, its disk is full, or its file is missing, damaged or forbidden.
    """

    retryable = False


class StorageUnavailable(ServiceUnavailable):
    """The artifact storage is unavailable: a network or server fault, throttling, a volume that is not mounted."""

    code = "storage_unavailable"


class NoPredictor(ServiceUnavailable):
    """No predictor is running."""

    code = "no_predictor"
    retryable = False


class PredictorUnavailable(ServiceUnavailable):
    """No predictor has answered in time: all are busy, or the one that took the question has ended."""

    code = "predictor_unavailable"


class WebhookKeyUnusable(ServiceUnavailable):
    """The key that signs webhooks cannot be read or made, or is not the one that a webhook's secret was made with."""

    code = "webhook_key_unusable"
    retryable = False


class TooManyPredictions(ServiceUnavailable):
    """The API process already waits for its largest number of predictions."""

    code = "too_many_predictions"


class SuggestionFailed(FlightlineError):
    """Optuna, in a process of its own, gave no point of a sweep: it is not installed here, or was killed."""

    code = "suggestion_failed"
    retryable = True


class ConfigurationError(FlightlineError):
    """A setting that cannot work; the message names the variable."""

    code = "configuration_error"


class StorageError(FlightlineError):
    """An artifact cannot be written or read until an operator acts: no space, no permission, no such file or bucket."""

    code = "storage_error"
