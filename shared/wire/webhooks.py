"""The answers of the HTTP API about webhooks, and what a webhook's receiver is sent. `shared.wire` has them all."""

from __future__ import annotations

from typing import Annotated

from shared.webhooks.status import DeliveryStatus, EventType
from shared.wire.answer import Answer, Choice, Instant, Json, answer
from shared.wire.jobs import Failure, Result
from shared.wire.sweeps import BestPoint, TrialCounts


@answer
class Webhook(Answer):
    """An address that is told of events."""

    id: str
    """UUID of the webhook."""
    url: str
    """Where its messages are sent."""
    events: list[str]
    """The events that it is told of, such as `job.finished`."""
    enabled: bool
    """False once its receiver has failed for a day or answered 410: its events wait until it is enabled again."""
    disabled_reason: str | None
    """Why it was disabled; null while it is enabled."""
    failing_since: Instant | None
    """When the first attempt failed since the last success; null while its receiver works."""
    owner: str | None
    """Who made it; null without authentication."""
    created_at: Instant


@answer
class NewWebhook(Webhook):
    """A webhook that was made or rotated just now, with its secret, which no other answer shows."""

    secret: str
    """What its receiver verifies messages with: `whsec_` and 32 bytes in base64."""


@answer
class Delivery(Answer):
    """One event for one webhook, and what became of it."""

    id: str
    """The header `webhook-id` of its message, the same in every attempt."""
    webhook_id: str
    event: Annotated[str, Choice(EventType)]
    job_id: str | None
    """The job that the event is about; it may have been deleted since. Null for an event about something else."""
    status: Annotated[str, Choice(DeliveryStatus)]
    attempts: int
    """Number of attempts since it was recorded, or since it was last asked for again."""
    next_at: Instant | None
    """When it is tried next; null for one that is not pending."""
    attempted_at: Instant | None
    """When it was last tried; null for one that was not."""
    response_status: int | None
    """HTTP status of the last attempt's answer; null where there was none."""
    error: str | None
    """Why the last attempt failed; null after a success."""
    payload: Json
    """The message's body."""
    created_at: Instant


@answer
class FinishedJob(Answer):
    """What a message `job.finished` says of the job, in `data`."""

    id: str
    kind: str
    name: str | None
    tags: list[str]
    owner: str | None
    status: str
    """`succeeded`, `failed` or `cancelled`."""
    attempts: int
    error: Failure | None
    result: Result | None
    created_at: Instant
    started_at: Instant | None
    finished_at: Instant | None


@answer
class FinishedSweep(Answer):
    """What a message `sweep.finished` says of the sweep, in `data`."""

    id: str
    name: str | None
    owner: str | None
    status: str
    """`finished` or `cancelled`."""
    points: int
    """Number of points that there were to be."""
    points_made: int
    """Number of points that were made into jobs, or could not be."""
    counts: TrialCounts
    best: BestPoint | None
    """The best of the points that came furthest; null where none has a value."""
    epochs_trained: int
    epochs_saved: int
    created_at: Instant
    finished_at: Instant | None
