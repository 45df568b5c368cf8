"""The one guarded write with which every change of a job begins.

It locks the job's row until the transaction ends, so whatever else that transaction writes about the job is fenced
too, and the numbers it hands out (`seq`) are gapless and in commit order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, Row, insert, select, update

from shared.database import clock
from shared.database.tables import Attempt, Job, JobEvent
from shared.jobs.status import JobStatus

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Connection


def table_of(kind: type[Any]) -> Any:
    """The bare table of a class: with the class, SQLAlchemy goes through its object mapper for every statement."""
    return kind.__table__


_JOBS = table_of(Job)
_ADVANCE = update(_JOBS).returning(_JOBS.c.id, _JOBS.c.attempt, _JOBS.c.event_seq)


def advance(
    connection: Connection,
    job_id: str,
    *guards: ColumnElement[bool],
    events: int = 1,
    reading: Sequence[ColumnElement[Any]] = (),
    **values: object,
) -> Row[Any] | None:
    """Take `events` sequence numbers of the job and set `values`, if every guard holds.

    Returns:
        The job's `id`, `attempt` and `event_seq` (the last number taken) after the write, and what else is to be read;
        None when a guard did not hold: then write nothing.
    """
    statement = _ADVANCE.where(Job.id == job_id, *guards).returning(*reading)
    return connection.execute(statement.values(event_seq=Job.event_seq + events, **values)).one_or_none()


def lock(connection: Connection, job_id: str, *guards: ColumnElement[bool]) -> bool:
    """Whether every guard holds; then it goes on to hold until the transaction ends."""
    held = select(_JOBS.c.id).where(Job.id == job_id, *guards)
    return connection.execute(held.with_for_update(key_share=True)).one_or_none() is not None


def mine(attempt: int) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """The guards of a worker: this attempt is still the one that runs."""
    return Job.attempt == attempt, Job.status == JobStatus.RUNNING


def holds(epochs: int) -> ColumnElement[bool]:
    """The guard of a worker that has recorded so many epochs of the job: they are there.

    A database that was put back to an earlier state lacks some that its owner has recorded in the one before. It loses
    the job then: once its lease has run out, the next attempt records them again.
    """
    return Job.epoch >= epochs


def add_event(connection: Connection, job_id: str, seq: int, kind: str, data: Mapping[str, object]) -> None:
    """Write the event that `seq` was taken for."""
    now = clock.database_now(connection)
    values = {"job_id": job_id, "seq": seq, "kind": kind, "data": dict(data), "created_at": now}
    connection.execute(insert(table_of(JobEvent)).values(values))


def add_status_event(connection: Connection, job: Row[Any], status: JobStatus, **data: object) -> None:
    """Write the event of a status that `job`, as `advance` returned it, takes in this transaction."""
    add_event(connection, job.id, job.event_seq, "status", {"status": status, "attempt": job.attempt, **data})


def close_attempt(connection: Connection, job_id: str, attempt: int, values: Mapping[str, object]) -> None:
    """Write how an attempt ended."""
    connection.execute(
        update(table_of(Attempt))
        .where(Attempt.job_id == job_id, Attempt.attempt == attempt)
        .values(finished_at=clock.database_now(connection), **values)
    )


def insert_rows(
    connection: Connection, table: type[Any], rows: Sequence[Mapping[str, object]], **alike: object
) -> None:
    """Insert rows, if there are any, in one statement; what all of them have alike may be an SQL expression."""
    if rows:
        connection.execute(insert(table_of(table)).values(**alike), [dict(row) for row in rows])
