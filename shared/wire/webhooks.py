"""The answers of the HTTP API about webhooks, and what a webhook's receiver is sent. `shared.wire` has them all."""

from __future__ import annotations

from typing import Annotated

from shared.webhooks.status import DeliveryStatus, EventType
from shared.wire.answer import Answer, Choice, Instant, Json, answer
from shared.wire.jobs import Failure, Result


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
    """The job that the event is about; it may have been deleted since."""
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
