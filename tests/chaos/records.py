"""Everything that SQL holds about one job, read in one transaction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, select

from shared import wire
from shared.database.engine import Database
from shared.database.tables import Attempt, Epoch, Job, JobEvent
from shared.jobs.actor import EVERYBODY
from shared.jobs.reads import queries


@dataclass(frozen=True)
class JobRecord:
    """One job; every list in its natural order."""

    job: Row[Any]
    attempts: list[Row[Any]]
    epochs: list[dict[str, Any]]
    events: list[Row[Any]]
    artifacts: list[wire.Artifact]


def all_jobs(db: Database) -> list[JobRecord]:
    """Every job there is, in the order of submission."""
    with db.read() as connection:
        jobs = connection.execute(select(*Job.__table__.columns).order_by(Job.id)).all()
    return [_record(db, job) for job in jobs]


def _record(db: Database, job: Row[Any]) -> JobRecord:
    columns = queries.columns_of(wire.Epoch, Epoch)
    with db.read() as connection:
        attempts = connection.execute(
            select(*Attempt.__table__.columns).where(Attempt.job_id == job.id).order_by(Attempt.attempt)
        ).all()
        epochs = connection.execute(select(*columns).where(Epoch.job_id == job.id).order_by(Epoch.epoch)).all()
        events = connection.execute(
            select(*JobEvent.__table__.columns).where(JobEvent.job_id == job.id).order_by(JobEvent.seq)
        ).all()
    rows = [row._asdict() for row in epochs]
    return JobRecord(job, list(attempts), rows, list(events), queries.artifacts(db, job.id, actor=EVERYBODY))
