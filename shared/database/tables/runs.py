"""What running a job leaves: attempts, epochs, events, log lines, evaluations, artifacts."""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Index,
    Integer,
    String,
)
from sqlalchemy.orm import Mapped, mapped_column

from shared.database.tables.base import WITHOUT_ROWID, Base, job_key


class Attempt(Base):
    """One worker's attempt to run a job; `outcome` is null while it runs."""

    __tablename__ = "attempts"
    job_id: Mapped[str] = job_key()
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
    job_id: Mapped[str] = job_key()
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
    digest: Mapped[str | None] = mapped_column(String(64))
    """Hash of the run's state after the epoch's last step; null where the release before ran it."""
    __table_args__ = (Index("ix_epochs_seq", "job_id", "seq"), WITHOUT_ROWID)


class JobMetric(Base):
    """A metric of an imported run that is no figure of epochs: its steps, and as many values, null where not finite."""

    __tablename__ = "job_metrics"
    job_id: Mapped[str] = job_key()
    name: Mapped[str] = mapped_column(primary_key=True)
    steps: Mapped[list[Any]]
    figures: Mapped[list[Any]]


class JobEvent(Base):
    """A change of a job. Events and epochs of a job share one sequence `seq`, in commit order."""

    __tablename__ = "job_events"
    job_id: Mapped[str] = job_key()
    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    kind: Mapped[str]
    data: Mapped[dict[str, Any]]
    created_at: Mapped[dt.datetime]
    __table_args__ = (WITHOUT_ROWID,)


class JobChange(Base):
    """An entry of the log of changed jobs. Triggers on `jobs` write one for each event, insertion and deletion."""

    __tablename__ = "job_changes"
    number: Mapped[int] = mapped_column(BigInteger().with_variant(Integer(), "sqlite"), primary_key=True)
    job_id: Mapped[str] = mapped_column(String(36))
    transaction_id: Mapped[int | None] = mapped_column(BigInteger)
    """PostgreSQL's number of the transaction; null on SQLite, which numbers entries in commit order."""
    __table_args__ = (Index("ix_job_changes_transaction", "transaction_id"), {"sqlite_autoincrement": True})


class JobLog(Base):
    """A line of a job's log; the oldest lines beyond `FLIGHTLINE_LOG_LINES_PER_JOB` are deleted."""

    __tablename__ = "job_log"
    job_id: Mapped[str] = job_key()
    line: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    attempt: Mapped[int]
    level: Mapped[str]
    message: Mapped[str]
    created_at: Mapped[dt.datetime]
    __table_args__ = (WITHOUT_ROWID,)


class Evaluation(Base):
    """Figures of one set of a job's weights (`best` or `last`) on the validation split; `test`: the best on another."""

    __tablename__ = "evaluations"
    job_id: Mapped[str] = job_key()
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
    job_id: Mapped[str] = job_key()
    name: Mapped[str] = mapped_column(primary_key=True)
    path: Mapped[str]
    sha256: Mapped[str] = mapped_column(String(64))
    bytes: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[dt.datetime]
