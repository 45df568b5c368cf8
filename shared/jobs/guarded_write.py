"""The guarded write with which every change of a job begins.

The write locks the job's row until the transaction ends, so everything else that the transaction writes about the job
is fenced too, and the sequence numbers that it takes (`seq`) are gapless and in commit order.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, Insert, Row, insert, select, update

from shared.database import clock
from shared.database.tables import Attempt, Job, JobEvent
from shared.jobs.replay import verdict
from shared.jobs.status import FINISHED, JobStatus
from shared.telemetry import tallies
from shared.webhooks import events as webhook_events

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Connection
    from sqlalchemy.sql.dml import ReturningUpdate


def table_of(kind: type[Any]) -> Any:
    """Return the Core table of a class. With the class itself SQLAlchemy would use its slower object mapper."""
    return kind.__table__


_JOBS = table_of(Job)
_ADVANCE = update(_JOBS).returning(_JOBS.c.id, _JOBS.c.attempt, _JOBS.c.event_seq)


def advancing(
    job_id: str | ColumnElement[str],
    *guards: ColumnElement[bool],
    events: int = 1,
    reading: Sequence[ColumnElement[Any]] = (),
    **values: object,
) -> ReturningUpdate[Any]:
    """Return the statement of `advance`, with parameters where its values are to change from one execution to the next.

    The job may be given by an SQL query for its id.
    """
    statement = _ADVANCE.where(Job.id == job_id, *guards).returning(*reading)
    return statement.values(event_seq=Job.event_seq + events, **values)


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
    statement = advancing(job_id, *guards, events=events, reading=reading, **values)
    return connection.execute(statement).one_or_none()


def advance_all(connection: Connection, job_ids: Sequence[str], **values: object) -> Sequence[Row[Any]]:
    """Change the rows of several jobs that `lock_all` has locked, and reserve one event number of each.

    Returns:
        Of each job what `advance` returns.
    """
    if not job_ids:
        return []
    statement = _ADVANCE.where(Job.id.in_(job_ids))
    return connection.execute(statement.values(event_seq=Job.event_seq + 1, **values)).all()


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


def lock_all(
    connection: Connection, job_ids: Sequence[str], *guards: ColumnElement[bool], reading: Sequence[ColumnElement[Any]]
) -> dict[str, Row[Any]]:
    """Lock those of these jobs' rows for which every guard holds, and return the columns `reading` by job id.

    The rows are locked in the order of their ids, so that two such calls never wait for each other.
    """
    held = select(_JOBS.c.id, *reading).where(Job.id.in_(job_ids), *guards).order_by(_JOBS.c.id)
    return {row.id: row for row in connection.execute(held.with_for_update(key_share=True))}


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
    add_events(connection, [{"job_id": job_id, "seq": seq, "kind": kind, "data": dict(data)}])


def add_events(connection: Connection, events: Sequence[Mapping[str, object]]) -> None:
    """Write events of one or several jobs, given as columns of `JobEvent` except the time.

    A job whose event has its last status must have that status in its row already: metrics and webhooks are told what
    it says, and a replay is compared with its original.
    """
    if events:
        connection.execute(_event_now(connection.dialect.name), [dict(event) for event in events])
    ended = [str(event["job_id"]) for event in events if _status_in(event) in FINISHED]
    if ended:
        tallies.count_finished(connection, ended)
        verdict.judge(connection, ended)
        webhook_events.jobs_finished(connection, ended)


@cache
def _event_now(dialect: str) -> Insert:
    """Return the statement that inserts an event; to build it takes longer than to execute it."""
    return insert(table_of(JobEvent)).values(created_at=clock.now_in(dialect))


def _status_in(event: Mapping[str, Any]) -> str | None:
    """Return the job's new status; None for an event of another kind."""
    status: str | None = event["data"]["status"] if event["kind"] == "status" else None
    return status


def add_status_event(connection: Connection, job: Row[Any], status: JobStatus, **data: object) -> None:
    """Write the event of a new status of the job in this transaction; `job` is the row that `advance` returned."""
    add_status_events(connection, [job], status, **data)


def add_status_events(connection: Connection, jobs: Sequence[Row[Any]], status: JobStatus, **data: object) -> None:
    """As `add_status_event`, of several jobs, given as the rows that `advance_all` returned."""
    add_events(connection, [status_event(job, status, **data) for job in jobs])


def status_event(job: Row[Any], status: JobStatus, **data: object) -> dict[str, Any]:
    """Return the event of a job's new status, as columns of `JobEvent` except the time."""
    told = {"status": status, "attempt": job.attempt, **data}
    return {"job_id": job.id, "seq": job.event_seq, "kind": "status", "data": told}


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
