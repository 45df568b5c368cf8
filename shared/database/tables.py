"""The database's tables, declared as classes but used as SQLAlchemy Core tables only, never as loaded objects."""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Float,
    ForeignKey,
    Function,
    Index,
    Integer,
    String,
    func,
    literal_column,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from shared.database.clock import UtcDateTime
from shared.database.text import CleanText

WITHOUT_ROWID = {"sqlite_with_rowid": False}
UUID_LENGTH = 36
READY = "status = 'queued' AND not_before IS NULL"
"""SQL for the jobs that may be claimed. A partial index serves a query only where the query says exactly this."""
ENDING_LENGTH = 4
"""Characters of an id's end that are indexed: of a million jobs, about fifteen share the same four."""


LIVE = "status IN ('queued', 'running')"
"""SQL condition of the jobs that `ix_jobs_live` holds: those that wait or run, whatever number has finished."""
LIVE_COLUMNS = ("status", "kind", "queue", "owner", "queued_at", "not_before")


class Base(DeclarativeBase):
    """Base of all tables; migrations are compared with its metadata."""

    type_annotation_map = {  # noqa: RUF012 -- SQLAlchemy's own declaration, read once
        str: CleanText(),
        int: Integer(),
        float: Float(53),
        bool: Boolean(),
        dt.datetime: UtcDateTime(),
        dict[str, Any]: JSON(),
        list[Any]: JSON(),
    }


def _where(condition: str) -> dict[str, Any]:
    """Return the options of an index over the rows of a condition alone."""
    return {"sqlite_where": text(condition), "postgresql_where": text(condition)}


def _job_key() -> Mapped[str]:
    return mapped_column(String(36), ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)


_FILTERED = ("status", "kind", "architecture_kind", "device_kind", "device", "preset", "owner")


class Job(Base):
    """A job: its spec, status, progress and result. Only `jobs.actions` and `jobs.attempts` change it."""

    __tablename__ = "jobs"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    owner: Mapped[str | None]
    kind: Mapped[str] = mapped_column(server_default="train")
    """What the job does, such as `train`; a later release running beside this one may queue jobs of other kinds."""
    name: Mapped[str | None]
    preset: Mapped[str | None]
    retry_of: Mapped[str | None] = mapped_column(String(36))
    spec: Mapped[dict[str, Any]]
    spec_hash: Mapped[str] = mapped_column(String(64))
    config_hash: Mapped[str] = mapped_column(String(64))
    architecture_kind: Mapped[str]
    warnings: Mapped[list[Any]]
    """Always empty: warnings are computed when a job is read. Releases up to 0.1 stored them here."""

    parameters: Mapped[int] = mapped_column(BigInteger)
    flops_per_epoch: Mapped[int] = mapped_column(BigInteger)
    weight_bytes: Mapped[int] = mapped_column(BigInteger)

    queue: Mapped[str]
    data: Mapped[list[Any] | None] = mapped_column(JSON(none_as_null=True))
    """What `shared.jobs.data_needs` wrote of the images that the job needs; null until somebody looks for work."""
    data_key: Mapped[str] = mapped_column(String(32), server_default="")
    """Equal for jobs that need the same images; empty while `data` is null."""
    priority: Mapped[int]
    status: Mapped[str]
    cancel_requested: Mapped[bool]
    event_seq: Mapped[int]
    max_attempts: Mapped[int]
    timeout_seconds: Mapped[float]

    attempt: Mapped[int]
    failures: Mapped[int]
    """Number of attempts lost or failed with a retryable error, which `max_attempts` limits."""
    running_seconds: Mapped[float]
    """Total running time of the attempts that have ended."""
    worker: Mapped[str | None]
    device: Mapped[str | None]
    device_kind: Mapped[str | None]
    engine: Mapped[str | None]
    exact: Mapped[bool]
    lease_expires_at: Mapped[dt.datetime | None]
    checkpoint: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    """The checkpoint to resume from: path, attempt, epoch, the device it was made on."""

    epochs: Mapped[int]
    epoch: Mapped[int]
    train_loss: Mapped[float | None]
    train_accuracy: Mapped[float | None]
    val_loss: Mapped[float | None]
    val_accuracy: Mapped[float | None]
    best_val_accuracy: Mapped[float | None]
    best_epoch: Mapped[int | None]
    epoch_seconds: Mapped[float | None]
    """Duration of the latest epoch, from which the remaining time is estimated."""
    error_code: Mapped[str | None]
    error_detail: Mapped[str | None]
    notes: Mapped[str | None]

    created_at: Mapped[dt.datetime]
    queued_at: Mapped[dt.datetime]
    not_before: Mapped[dt.datetime | None]
    """Earliest instant of a claim. Null means at once; set to null once it is past."""
    published_at: Mapped[dt.datetime | None]
    """When the release before sent the job's message. This one leaves it null."""
    started_at: Mapped[dt.datetime | None]
    finished_at: Mapped[dt.datetime | None]
    trace: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    """The request that submitted the job, as `shared.telemetry.origin.Origin` carries it; null where none did."""
    number: Mapped[int | None] = mapped_column(BigInteger)
    """The job's place in the order of creation, written with its row by `jobs.search.index`, which says what it is.
    Null for a job that the release before inserted, until it is indexed."""

    __table_args__ = (
        Index("ix_jobs_number", "number", unique=True),
        # The orders of lists, with what they are filtered by most: such a list reads the index alone.
        Index("ix_jobs_by_creation", "number", *_FILTERED, "finished_at", "val_accuracy", "best_val_accuracy"),
        Index("ix_jobs_by_finish", "finished_at", "number", *_FILTERED),
        Index("ix_jobs_by_val_accuracy", "val_accuracy", "number", *_FILTERED),
        Index("ix_jobs_by_best_val_accuracy", "best_val_accuracy", "number", *_FILTERED),
        # The jobs of one value, newest last.
        Index("ix_jobs_of_status", "status", "number"),
        Index("ix_jobs_of_kind", "kind", "number"),
        Index("ix_jobs_of_architecture", "architecture_kind", "number"),
        Index("ix_jobs_of_device_kind", "device_kind", "number"),
        Index("ix_jobs_of_device", "device", "number"),
        Index("ix_jobs_of_preset", "preset", "number"),
        Index("ix_jobs_of_owner", "owner", "number"),
        Index("ix_jobs_of_name", "name", "number"),
        Index("ix_jobs_of_config_hash", "config_hash", "number"),
        Index("ix_jobs_waiting", "status", "queue", "queued_at"),
        Index("ix_jobs_published", "status", "queue", "priority", "published_at"),
        Index("ix_jobs_unpublished", "status", "published_at"),
        Index("ix_jobs_lease", "status", "lease_expires_at"),
        Index("ix_jobs_not_before", "status", "not_before"),
        Index("ix_jobs_live", *LIVE_COLUMNS, **_where(LIVE)),
        Index(
            "ix_jobs_next",
            *("kind", "queue", "data_key", "priority", "owner", "id"),
            sqlite_where=literal_column(READY),
            postgresql_where=literal_column(READY),
        ),
    )


def id_ending() -> Function[str]:
    """Return an SQL expression for the indexed end of an id. The length is literal SQL, as in the index."""
    return func.substr(Job.id, literal_column(str(UUID_LENGTH - ENDING_LENGTH + 1)), type_=String())


Index("ix_jobs_id_ending", id_ending())


class JobTag(Base):
    """A tag of a job, in a row of its own, as jobs are found by their tags."""

    __tablename__ = "job_tags"
    tag: Mapped[str] = mapped_column(primary_key=True)
    job_id: Mapped[str] = _job_key()
    __table_args__ = (Index("ix_job_tags_job", "job_id", "tag"), WITHOUT_ROWID)


class Attempt(Base):
    """One worker's attempt to run a job; `outcome` is null while it runs."""

    __tablename__ = "attempts"
    job_id: Mapped[str] = _job_key()
    attempt: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    worker: Mapped[str]
    device: Mapped[str]
    outcome: Mapped[str | None]
    environment: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    resumed_from_epoch: Mapped[int | None]
    error_code: Mapped[str | None]
    error_detail: Mapped[str | None]
    started_at: Mapped[dt.datetime]
    finished_at: Mapped[dt.datetime | None]
    __table_args__ = (Index("ix_attempts_worker", "worker", "outcome"),)


class Epoch(Base):
    """The figures of an epoch: one row per job and epoch, of the latest attempt that ran it."""

    __tablename__ = "epochs"
    job_id: Mapped[str] = _job_key()
    epoch: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    attempt: Mapped[int]
    seq: Mapped[int]
    train_loss: Mapped[float]
    train_accuracy: Mapped[float]
    last_batch_loss: Mapped[float]
    val_loss: Mapped[float]
    val_accuracy: Mapped[float]
    lr: Mapped[float]
    seconds: Mapped[float]
    samples_per_second: Mapped[float]
    __table_args__ = (Index("ix_epochs_seq", "job_id", "seq"), WITHOUT_ROWID)


class JobEvent(Base):
    """A change of a job. Events and epochs of a job share one sequence `seq`, in commit order."""

    __tablename__ = "job_events"
    job_id: Mapped[str] = _job_key()
    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    kind: Mapped[str]
    data: Mapped[dict[str, Any]]
    created_at: Mapped[dt.datetime]
    __table_args__ = (WITHOUT_ROWID,)


class JobLog(Base):
    """A line of a job's log; the oldest lines beyond `FLIGHTLINE_LOG_LINES_PER_JOB` are deleted."""

    __tablename__ = "job_log"
    job_id: Mapped[str] = _job_key()
    line: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    attempt: Mapped[int]
    level: Mapped[str]
    message: Mapped[str]
    created_at: Mapped[dt.datetime]
    __table_args__ = (WITHOUT_ROWID,)


class Evaluation(Base):
    """Figures of one set of a job's weights (`best` or `last`) on the validation split; `test`: the best on another."""

    __tablename__ = "evaluations"
    job_id: Mapped[str] = _job_key()
    weights: Mapped[str] = mapped_column(primary_key=True)
    epoch: Mapped[int]
    accuracy: Mapped[float]
    loss: Mapped[float]
    confusion_matrix: Mapped[list[Any]]
    classes: Mapped[list[Any]]
    per_class: Mapped[list[Any]]
    mistakes: Mapped[list[Any] | None] = mapped_column(JSON(none_as_null=True))
    """The validation images that the weights got most wrong, the worst first. Null for jobs of releases up to 0.1."""


class Artifact(Base):
    """A file that a job produced: its name, path in the storage, SHA-256 and size."""

    __tablename__ = "artifacts"
    job_id: Mapped[str] = _job_key()
    name: Mapped[str] = mapped_column(primary_key=True)
    path: Mapped[str]
    sha256: Mapped[str] = mapped_column(String(64))
    bytes: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[dt.datetime]


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


class Lock(Base):
    """A named lock that one process holds at a time, until it expires."""

    __tablename__ = "locks"
    name: Mapped[str] = mapped_column(primary_key=True)
    holder: Mapped[str]
    expires_at: Mapped[dt.datetime]


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


class BatchKey(Base):
    """The jobs that the first request with an `Idempotency-Key` made as one batch, in its order."""

    __tablename__ = "batch_keys"
    key: Mapped[str] = mapped_column(primary_key=True)
    owner: Mapped[str] = mapped_column(primary_key=True)
    body_sha256: Mapped[str] = mapped_column(String(64))
    job_ids: Mapped[list[Any]]
    created_at: Mapped[dt.datetime]
    __table_args__ = (Index("ix_batch_keys_created", "created_at"),)


class JobChange(Base):
    """An entry of the log of changed jobs. Triggers on `jobs` write one for each event, insertion and deletion."""

    __tablename__ = "job_changes"
    number: Mapped[int] = mapped_column(BigInteger().with_variant(Integer(), "sqlite"), primary_key=True)
    job_id: Mapped[str] = mapped_column(String(36))
    transaction_id: Mapped[int | None] = mapped_column(BigInteger)
    """PostgreSQL's number of the transaction; null on SQLite, which numbers entries in commit order."""
    __table_args__ = (Index("ix_job_changes_transaction", "transaction_id"), {"sqlite_autoincrement": True})


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


def _job_number() -> Mapped[int]:
    return mapped_column(BigInteger, ForeignKey("jobs.number", ondelete="CASCADE"), primary_key=True)


class JobValue(Base):
    """A field of a job's spec that is not null, defaults included, as jobs are found and sorted by it."""

    __tablename__ = "job_values"
    job: Mapped[int] = _job_number()
    path: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    """The dotted path, as `jobs.search.paths.key_of` numbers it."""
    number: Mapped[float | None]
    text: Mapped[str | None]
    """The value where it is no number: a text, `true` or `false`, or the JSON of a list."""
    __table_args__ = (
        Index("ix_job_values_number", "path", "number", "job", **_where("number IS NOT NULL")),
        Index("ix_job_values_text", "path", "text", "job", **_where("text IS NOT NULL")),
        WITHOUT_ROWID,
    )


class JobWord(Base):
    """A word of a job's name, notes or tags, without case; `#` and a whole tag is a word too."""

    __tablename__ = "job_words"
    word: Mapped[str] = mapped_column(primary_key=True)
    job: Mapped[int] = _job_number()
    __table_args__ = (Index("ix_job_words_job", "job"), WITHOUT_ROWID)


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


# Configured here rather than at the first statement: a child forked during that would inherit a held lock.
Base.registry.configure()
