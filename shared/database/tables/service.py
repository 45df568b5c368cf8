"""What the service keeps beside jobs: workers, data sets, keys of requests, locks, tokens, webhooks, counters."""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    ForeignKey,
    Index,
    Integer,
    String,
)
from sqlalchemy.orm import Mapped, mapped_column

from shared.database.tables.base import Base


class Worker(Base):
    """A worker's last report of itself."""

    __tablename__ = "workers"
    id: Mapped[str] = mapped_column(primary_key=True)
    host: Mapped[str]
    pid: Mapped[int]
    pid_namespace: Mapped[str | None]
    pid_born: Mapped[str | None]
    device: Mapped[str]
    device_kind: Mapped[str]
    device_name: Mapped[str | None]
    versions: Mapped[dict[str, Any]]
    datasets: Mapped[list[Any]]
    role: Mapped[str] = mapped_column(server_default="train")
    """`train`, or `predict` for a predictor."""
    looked_in: Mapped[str | None]
    """The folder that it looks for data sets in; null until it has looked at all of them, and in the release before."""
    state: Mapped[str]
    """`idle` or `stopping`; a worker is busy where a running job names it."""
    started_at: Mapped[dt.datetime]
    last_heartbeat_at: Mapped[dt.datetime]


class Dataset(Base):
    """The last report of a data set by any worker that holds it; outlives the worker."""

    __tablename__ = "datasets"
    name: Mapped[str] = mapped_column(primary_key=True)
    source: Mapped[str]
    classes: Mapped[list[Any]]
    counts: Mapped[dict[str, Any]]
    """Training and validation images of each class."""
    has_val: Mapped[bool]
    input_shape: Mapped[list[Any] | None] = mapped_column(JSON(none_as_null=True))
    """Channels, height and width; null where the images differ in size."""
    mean: Mapped[list[Any] | None] = mapped_column(JSON(none_as_null=True))
    std: Mapped[list[Any] | None] = mapped_column(JSON(none_as_null=True))
    fingerprint: Mapped[str | None] = mapped_column(String(64))
    """With `mean` and `std` of the images as a job last loaded them, with all classes; null until then."""
    worker: Mapped[str]
    host: Mapped[str]
    reported_at: Mapped[dt.datetime]


class IdempotencyKey(Base):
    """The job that the first request with an `Idempotency-Key` made."""

    __tablename__ = "idempotency_keys"
    key: Mapped[str] = mapped_column(primary_key=True)
    owner: Mapped[str] = mapped_column(primary_key=True)
    body_sha256: Mapped[str] = mapped_column(String(64))
    job_id: Mapped[str] = mapped_column(String(36), ForeignKey("jobs.id", ondelete="CASCADE"))
    created_at: Mapped[dt.datetime]
    __table_args__ = (Index("ix_idempotency_keys_created", "created_at"),)


class BatchKey(Base):
    """The jobs that the first request with an `Idempotency-Key` made as one batch, in its order."""

    __tablename__ = "batch_keys"
    key: Mapped[str] = mapped_column(primary_key=True)
    owner: Mapped[str] = mapped_column(primary_key=True)
    body_sha256: Mapped[str] = mapped_column(String(64))
    job_ids: Mapped[list[Any]]
    created_at: Mapped[dt.datetime]
    __table_args__ = (Index("ix_batch_keys_created", "created_at"),)


class Lock(Base):
    """A named lock that one process holds at a time, until it expires."""

    __tablename__ = "locks"
    name: Mapped[str] = mapped_column(primary_key=True)
    holder: Mapped[str]
    expires_at: Mapped[dt.datetime]


class Token(Base):
    """A token that requests are authenticated by; its secret is not stored."""

    __tablename__ = "tokens"
    id: Mapped[str] = mapped_column(String(12), primary_key=True)
    owner: Mapped[str]
    scope: Mapped[str]
    sha256: Mapped[str] = mapped_column(String(64))
    """SHA-256 of the secret, in hexadecimal."""
    created_at: Mapped[dt.datetime]
    expires_at: Mapped[dt.datetime | None]
    last_used_at: Mapped[dt.datetime | None]
    __table_args__ = (Index("ix_tokens_sha256", "sha256", unique=True),)


class Session(Base):
    """A browser's session, begun with a token; its secret is not stored."""

    __tablename__ = "sessions"
    sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    """SHA-256 of the secret, in hexadecimal."""
    token_id: Mapped[str] = mapped_column(String(12), ForeignKey("tokens.id", ondelete="CASCADE"))
    created_at: Mapped[dt.datetime]
    expires_at: Mapped[dt.datetime]
    __table_args__ = (Index("ix_sessions_token", "token_id"), Index("ix_sessions_expires", "expires_at"))


class Webhook(Base):
    """An address that is told of events. Its secret is in no column: `shared.webhooks.signature` derives it."""

    __tablename__ = "webhooks"
    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    owner: Mapped[str | None]
    url: Mapped[str]
    events: Mapped[list[Any]]
    state: Mapped[str]
    disabled_reason: Mapped[str | None]
    failing_since: Mapped[dt.datetime | None]
    """Instant of the first failed attempt since the last success."""
    key_id: Mapped[str] = mapped_column(String(16))
    """Name of the signing key that the secret is derived from."""
    generation: Mapped[int]
    """Number of the secret: 1, and 1 more with each rotation."""
    previous_until: Mapped[dt.datetime | None]
    """Until when messages are signed with the secret before, too."""
    created_at: Mapped[dt.datetime]


class WebhookDelivery(Base):
    """One event for one webhook, written in the transaction of the event; `id` is the message's `webhook-id`.

    No foreign keys: an event outlives its job, and the end of a job never waits for the removal of a webhook.
    """

    __tablename__ = "webhook_deliveries"
    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    webhook_id: Mapped[str] = mapped_column(String(36))
    event: Mapped[str]
    job_id: Mapped[str | None] = mapped_column(String(36))
    payload: Mapped[str]
    """The body, byte for byte as it is signed and sent."""
    status: Mapped[str]
    attempts: Mapped[int]
    """Number of attempts since the delivery was recorded, or since it was last asked for again."""
    next_at: Mapped[dt.datetime | None]
    """Instant of the next attempt; null for a delivery that is not pending."""
    attempted_at: Mapped[dt.datetime | None]
    response_status: Mapped[int | None]
    error: Mapped[str | None]
    created_at: Mapped[dt.datetime]
    __table_args__ = (
        Index("ix_webhook_deliveries_due", "webhook_id", "next_at", "id"),
        Index("ix_webhook_deliveries_webhook", "webhook_id", "id"),
        Index("ix_webhook_deliveries_created", "created_at"),
    )


class Tally(Base):
    """An amount added to a counter of the metrics. A counter's value is the sum of its rows, which are only added.

    `shared.telemetry.tallies` adds rows within the transactions that they count, and merges the rows of each counter.
    """

    __tablename__ = "tallies"
    id: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)
    name: Mapped[str]
    labels: Mapped[str]
    """The counter's labels as JSON with sorted keys, so that equal labels are equal text."""
    amount: Mapped[float]
