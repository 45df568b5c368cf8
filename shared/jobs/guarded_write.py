"""The guarded write with which every change of a job begins.

The write locks the job's row until the transaction ends, so everything else that the transaction writes about the job
is fenced too, and the sequence numbers that it takes (`seq`) are gapless and in commit order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, Row, insert, select, update

from shared.database import clock
from shared.database.tables import Attempt, Job, JobEvent
from shared.jobs.status import FINISHED, JobStatus
from shared.webhooks import events as webhook_events

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Connection


def table_of(kind: type[Any]) -> Any:
    """Return the Core table of a class. With the class itself SQLAlchemy would use its slower object mapper."""
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
    """Change a job's row if every guard holds, and reserve `events` numbers for the events that report the change.

    Returns:
        The job's `id`, `attempt` and `event_seq` (the last number taken) after the write, and the columns `reading`;
        None when a guard did not hold: then the caller must write nothing.
    """
    statement = _ADVANCE.where(Job.id == job_id, *guards).returning(*reading)
    return connection.execute(statement.values(event_seq=Job.event_seq + events, **values)).one_or_none()


def change(
    connection: Connection,
    job_id: str,
    *guards: ColumnElement[bool],
    reading: Sequence[ColumnElement[Any]] = (),
    **values: object,
) -> Row[Any] | None:
    """Set `values` in the job's row if every guard holds, without an event. Returns what `advance` does."""
    return advance(connection, job_id, *guards, events=0, reading=reading, **values)


def lock_if(connection: Connection, job_id: str, *guards: ColumnElement[bool]) -> bool:
    """Lock the job's row if every guard holds, so that all hold until the transaction ends; return whether they do."""
    held = select(_JOBS.c.id).where(Job.id == job_id, *guards)
    return connection.execute(held.with_for_update(key_share=True)).one_or_none() is not None


def owned_by(attempt: int) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """Return the guards of a worker: the job is running, and as this attempt."""
    return Job.attempt == attempt, Job.status == JobStatus.RUNNING


def has_epochs(epochs: int) -> ColumnElement[bool]:
    """Return the guard of a worker that has recorded `epochs` epochs of the job: the database has them.

    A database that was restored to an earlier state lacks the latest of them. The worker then loses the job: once its
    lease has run out, the next attempt records those epochs again.
    """
    return Job.epoch >= epochs


def add_event(connection: Connection, job_id: str, seq: int, kind: str, data: Mapping[str, object]) -> None:
    """Write the event that the sequence number `seq` was taken for."""
    now = clock.database_now(connection)
    values = {"job_id": job_id, "seq": seq, "kind": kind, "data": dict(data), "created_at": now}
    connection.execute(insert(table_of(JobEvent)).values(values))


def add_status_event(connection: Connection, job: Row[Any], status: JobStatus, **data: object) -> None:
    """Write the event of a new status of the job in this transaction; `job` is the row that `advance` returned.

    The job's row must have the new status already: webhooks are told what it says of a finished job.
    """
    add_event(connection, job.id, job.event_seq, "status", {"status": status, "attempt": job.attempt, **data})
    if status in FINISHED:
        webhook_events.job_finished(connection, job.id)


def close_attempt(connection: Connection, job_id: str, attempt: int, values: Mapping[str, object]) -> None:
    """Write the end of an attempt: the time, and `values`, such as its outcome."""
    connection.execute(
        update(table_of(Attempt))
        .where(Attempt.job_id == job_id, Attempt.attempt == attempt)
        .values(finished_at=clock.database_now(connection), **values)
    )


def insert_rows(
    connection: Connection, table: type[Any], rows: Sequence[Mapping[str, object]], **common: object
) -> None:
    """Insert rows, if there are any, in one statement; `common` columns of all rows may be SQL expressions."""
    if rows:
        connection.execute(insert(table_of(table)).values(**common), [dict(row) for row in rows])
