"""Sweeps: their points, the trials of each point, and how the points stand at each rung."""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import JSON, BigInteger, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from shared.database.tables.base import WITHOUT_ROWID, Base, where

UNFINISHED = "finished_at IS NULL"
"""SQL condition of the sweeps of which something may remain to be done."""
OPEN = "state IN ('live', 'due')"
"""SQL condition of the trials that a sweep looks at: those that run, and those that are to go on."""


class Sweep(Base):
    """A search over a space of jobs. Only `shared.sweeps` changes it."""

    __tablename__ = "sweeps"
    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    owner: Mapped[str | None]
    name: Mapped[str | None]
    status: Mapped[str]
    request: Mapped[dict[str, Any]]
    """What was asked for, with every default."""
    limits: Mapped[dict[str, Any]]
    """The limits of jobs (`caps`) and of its owner's queued jobs (`most_queued`) when the sweep was made: whichever
    process makes a job of it later makes the same."""
    points: Mapped[int]
    """How many points there are to be."""
    epochs: Mapped[int]
    """Epochs of a job that runs to its end; where they differ between points, those of the first."""
    seed: Mapped[int] = mapped_column(BigInteger)
    """Seed of the first job of each point, where the space does not have it."""
    next_trial: Mapped[int]
    """How many trials have been made: point and repeat of the next one follow from it."""
    event_seq: Mapped[int]
    clock: Mapped[int] = mapped_column(BigInteger, server_default="0")
    """The turn of the result that was taken in last, see `SweepTrial.turn`."""
    created_at: Mapped[dt.datetime]
    finished_at: Mapped[dt.datetime | None]
    """When its last job had ended; null until then."""
    totals: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    """What its jobs had come to by then, as `reads.Totals`: it lasts when they are deleted. Null until then, and for a
    sweep that the release before ended."""
    __table_args__ = (
        Index("ix_sweeps_unfinished", "id", **where(UNFINISHED)),
        Index("ix_sweeps_of_owner", "owner", "id"),
        Index("ix_sweeps_of_status", "status", "id"),
    )


def _sweep_key() -> Mapped[str]:
    return mapped_column(String(36), ForeignKey("sweeps.id", ondelete="CASCADE"), primary_key=True)


class SweepPoint(Base):
    """A point: one configuration, which is trained once or, with repeats, several times."""

    __tablename__ = "sweep_points"
    sweep_id: Mapped[str] = _sweep_key()
    point: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    params: Mapped[dict[str, Any]]
    status: Mapped[str]
    rung: Mapped[int | None]
    """Index of the highest rung that it has reached."""
    epoch: Mapped[int | None]
    """Epochs after which its value was taken."""
    value: Mapped[float | None]
    """Mean of its trials' objectives at that rung."""
    std: Mapped[float | None]
    """Standard deviation of its trials' objectives; null for a single one."""
    loss: Mapped[float]
    """What points are sorted by, less being better: the value or its negative, infinite where there is none."""
    error: Mapped[str | None]
    created_at: Mapped[dt.datetime]
    finished_at: Mapped[dt.datetime | None]
    __table_args__ = (Index("ix_sweep_points_loss", "sweep_id", "loss", "point"), WITHOUT_ROWID)


class SweepTrial(Base):
    """A trial: one job of a point. It outlives its job, which may be deleted."""

    __tablename__ = "sweep_trials"
    sweep_id: Mapped[str] = _sweep_key()
    point: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    repeat: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    job_id: Mapped[str | None] = mapped_column(String(36))
    """Null where its job could not be made, as its point's values do not fit together."""
    state: Mapped[str]
    rung: Mapped[int]
    """Index of the rung that it runs to, or waits at."""
    value: Mapped[float | None]
    """Its objective there; null while it runs there, and where it failed."""
    turn: Mapped[int] = mapped_column(BigInteger, server_default="0")
    """When it would come there by the sweep's clock, which counts millions of FLOPs: results are taken in in this order
    where later points rest on them (`shared.sweeps.progress.turns`)."""
    __table_args__ = (
        Index("ix_sweep_trials_job", "job_id", unique=True),
        Index("ix_sweep_trials_open", "sweep_id", "point", "repeat", **where(OPEN)),
        WITHOUT_ROWID,
    )


class SweepRung(Base):
    """How a point stands at a rung that it has reached."""

    __tablename__ = "sweep_rungs"
    sweep_id: Mapped[str] = _sweep_key()
    rung: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    point: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    loss: Mapped[float]
    """As in `SweepPoint`, as of this rung; infinite for a point that failed on its way to it."""
    waiting: Mapped[bool]
    """Whether the point stopped here and has not gone on."""
    __table_args__ = (Index("ix_sweep_rungs_loss", "sweep_id", "rung", "loss", "point", "waiting"), WITHOUT_ROWID)


class SweepEvent(Base):
    """A change of a sweep, numbered in commit order."""

    __tablename__ = "sweep_events"
    sweep_id: Mapped[str] = _sweep_key()
    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    kind: Mapped[str]
    data: Mapped[dict[str, Any]] = mapped_column(JSON())
    created_at: Mapped[dt.datetime]
    __table_args__ = (WITHOUT_ROWID,)
