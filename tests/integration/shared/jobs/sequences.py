"""Looking at a job's numbers."""

from __future__ import annotations

from sqlalchemy import select

from shared.database.engine import Database
from shared.database.tables import Epoch, Job, JobEvent


def sequence(db: Database, job_id: str) -> list[int]:
    """The numbers of the job's events and epochs, as they stand in the tables."""
    with db.read() as connection:
        events, epochs = (
            connection.scalars(select(table.seq).where(table.job_id == job_id)).all() for table in (JobEvent, Epoch)
        )
    return sorted([*events, *epochs])


def newest(db: Database, job_id: str) -> int:
    """The last number that was handed out."""
    with db.read() as connection:
        return connection.execute(select(Job.event_seq).where(Job.id == job_id)).scalar_one()
