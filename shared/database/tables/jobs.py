"""Jobs, and what they are found by: tags, words, values of their specs."""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    ForeignKey,
    Function,
    Index,
    String,
    func,
    literal_column,
)
from sqlalchemy.orm import Mapped, mapped_column

from shared.database.tables.base import WITHOUT_ROWID, Base, job_key, where

UUID_LENGTH = 36


READY = "status = 'queued' AND not_before IS NULL"
"""SQL for the jobs that may be claimed. A partial index serves a query only where the query says exactly this."""


DELAYED = "status = 'queued' AND not_before IS NOT NULL"
"""SQL for the jobs that were queued to be tried again later."""


ENDING_LENGTH = 4
"""Characters of an id's end that are indexed: of a million jobs, about fifteen share the same four."""


LIVE = "status IN ('queued', 'running')"
"""SQL condition of the jobs that `ix_jobs_live` holds: those that wait or run, whatever number has finished."""


UNJUDGED = "replay_of IS NOT NULL AND replay IS NULL"
"""SQL condition of the replays that have no verdict yet."""


LIVE_COLUMNS = ("status", "kind", "queue", "owner", "queued_at", "not_before")


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
    sweep: Mapped[str | None] = mapped_column(String(36))
    """The sweep that made the job; it may have been deleted since."""
    replay_of: Mapped[str | None] = mapped_column(String(36))
    """The job that this one repeats in order to be compared with it, which may have been deleted since."""
    replay: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    """How equal the two are, as `jobs.replays` has found when this one ended; null until then."""
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
    claimed_attempt: Mapped[int | None]
    """The latest attempt whose worker knows the job's kind. A trigger refuses any other claim of a job that is no
    training: workers of the release before take all jobs for trainings."""
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
    pause_after: Mapped[int | None]
    """The epoch after which the job is paused instead of going on; null: it runs to its end."""
    cache: Mapped[str] = mapped_column(server_default="off")
    """Whether the job uses what equal ones have trained: `prefer`, `exact` or `off`."""
    twin_hash: Mapped[str | None] = mapped_column(String(32))
    """Equal for jobs that ask for the same training in the same way; null for other kinds, and for jobs of before."""
    leads: Mapped[str | None] = mapped_column(String(32))
    """The job's `twin_hash` while its running attempt trains and equal jobs may wait for it; else null."""
    following: Mapped[str | None] = mapped_column(String(36))
    """The running job that a queued one waits for instead of training the same; see `jobs.reuse.twins`."""
    served_from: Mapped[str | None] = mapped_column(String(36))
    """The equal job whose epochs, result and artifacts these are; null for a job that trained."""
    continued_from: Mapped[str | None] = mapped_column(String(36))
    """The job whose first epochs and checkpoint this one went on from; null where it trained all of its epochs."""
    continued_epochs: Mapped[int | None]
    """How many of its first epochs are that job's; null where it trained all of them."""
    state_hash: Mapped[str | None] = mapped_column(String(64))
    """What the newest checkpoint depends on, epoch by epoch: equal for runs that have gone the same way so far."""
    kept_bytes: Mapped[int | None] = mapped_column(BigInteger)
    """Size of the checkpoint that the job has kept beyond its end; null where it has kept none."""
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
        Index("ix_jobs_by_val_loss", "val_loss", "number", *_FILTERED),
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
        Index("ix_jobs_of_sweep", "sweep", "number", **where("sweep IS NOT NULL")),
        # Equal jobs: those that may serve one, that lead now, that wait; runs that one may go on from; what is kept.
        Index("ix_jobs_twins", "twin_hash", "status", "finished_at", **where("twin_hash IS NOT NULL")),
        Index("ix_jobs_leading", "leads", **where("leads IS NOT NULL")),
        Index("ix_jobs_following", "following", **where("following IS NOT NULL")),
        Index("ix_jobs_state_hash", "state_hash", **where("state_hash IS NOT NULL")),
        Index("ix_jobs_kept", "finished_at", "kept_bytes", **where("kept_bytes IS NOT NULL")),
        Index("ix_jobs_delayed", "status", "not_before", **where(DELAYED)),
        Index("ix_jobs_unjudged", "status", "id", **where(UNJUDGED)),
        Index("ix_jobs_live", *LIVE_COLUMNS, **where(LIVE)),
        Index(
            "ix_jobs_next",
            # The last two for SQLite, which would read the rows for what the condition names.
            *("kind", "queue", "data_key", "priority", "owner", "id", "status", "not_before"),
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
    job_id: Mapped[str] = job_key()
    __table_args__ = (Index("ix_job_tags_job", "job_id", "tag"), WITHOUT_ROWID)


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
        Index("ix_job_values_number", "path", "number", "job", **where("number IS NOT NULL")),
        Index("ix_job_values_text", "path", "text", "job", **where("text IS NOT NULL")),
        # The values of jobs that are looked up one after another: they lie closer together than in the table.
        Index("ix_job_values_of_job", "path", "job", "number", **where("number IS NOT NULL")),
        WITHOUT_ROWID,
    )


class JobWord(Base):
    """A word of a job's name, notes or tags, without case; `#` and a whole tag is a word too."""

    __tablename__ = "job_words"
    word: Mapped[str] = mapped_column(primary_key=True)
    job: Mapped[int] = _job_number()
    __table_args__ = (Index("ix_job_words_job", "job"), WITHOUT_ROWID)
