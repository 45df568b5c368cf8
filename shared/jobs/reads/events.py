"""A job's events: its changes and its epochs, in one sequence in commit order.

Every guarded write takes numbers from the job's `event_seq` while it locks the job's row, so numbers appear in order:
a reader that has read up to N and asks for the events after N misses none, whatever was restarted in between. Epochs of
a resumed attempt overwrite earlier rows under new numbers, after a `resumed` event that names the first of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import select

from shared import wire
from shared.database.clock import isoformat
from shared.database.tables import Epoch, Job, JobEvent
from shared.errors import JobNotFound
from shared.jobs.actor import Actor
from shared.jobs.reads.queries import columns_of
from shared.jobs.status import FINISHED
from shared.wire import Event

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Connection

    from shared.database.engine import Database


@dataclass(frozen=True)
class Position:
    """A job's position: the number of its newest event, and whether the job has finished, so that none can follow."""

    seq: int
    finished: bool


def position(db: Database, job_id: str, *, actor: Actor) -> Position:
    """Return the position of a job, before its events are followed.

    Raises:
        JobNotFound: no such job.
    """
    statement = select(Job.event_seq, Job.status).where(Job.id == job_id, actor.reach)
    with db.read() as connection:
        row = connection.execute(statement).one_or_none()
    if row is None:
        raise JobNotFound(job_id)
    return Position(row.event_seq, row.status in FINISHED)


def positions(db: Database, job_ids: Sequence[str]) -> Mapping[str, Position]:
    """Return the positions of those of these jobs that exist, in one query, which idle streams repeat."""
    statement = select(Job.id, Job.event_seq, Job.status).where(Job.id.in_(job_ids))
    with db.read() as connection:
        return {row.id: Position(row.event_seq, row.status in FINISHED) for row in connection.execute(statement)}


def read(db: Database, job_id: str, after: int = 0) -> tuple[list[Event], Position]:
    """Return the events after number `after`, in order, and the position that they reach.

    Raises:
        JobNotFound: no such job.
    """
    with db.read() as connection:
        job = connection.execute(select(Job.event_seq, Job.status).where(Job.id == job_id)).one_or_none()
        if job is None:
            raise JobNotFound(job_id)
        found = _changes(connection, job_id, after, job.event_seq) + _epochs(connection, job_id, after, job.event_seq)
    return sorted(found, key=lambda event: event.seq), Position(job.event_seq, job.status in FINISHED)


def _changes(connection: Connection, job_id: str, after: int, until: int) -> list[Event]:
    columns = (JobEvent.seq, JobEvent.kind, JobEvent.data, JobEvent.created_at)
    rows = connection.execute(
        select(*columns).where(JobEvent.job_id == job_id, JobEvent.seq > after, JobEvent.seq <= until)
    )
    return [Event(seq=row.seq, kind=row.kind, data=row.data | {"at": isoformat(row.created_at)}) for row in rows]


def _epochs(connection: Connection, job_id: str, after: int, until: int) -> list[Event]:
    columns = columns_of(wire.Epoch, Epoch)
    rows = connection.execute(select(*columns).where(Epoch.job_id == job_id, Epoch.seq > after, Epoch.seq <= until))
    return [Event(seq=row.seq, kind="epoch", data=row._asdict()) for row in rows]
