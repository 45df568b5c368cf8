"""How an attempt ends and what becomes of its job: the whole policy of retries, in one place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, Row, select, update

from shared import clock
from shared.fence import add_status_event, advance, close_attempt, mine, table_of
from shared.status import JobStatus, Outcome
from shared.tables import Attempt, Job

if TYPE_CHECKING:
    from sqlalchemy import Connection


@dataclass(frozen=True)
class Ending:
    """An attempt's outcome, with the reason when it was not a success."""

    outcome: Outcome
    code: str | None = None
    detail: str | None = None
    retryable: bool = False


def next_status(ending: Ending, *, failures: int, max_attempts: int, cancel_requested: bool) -> JobStatus:
    """The status of a job after an attempt.

    Args:
        ending: how the attempt ended.
        failures: attempts lost or failed with a retryable error so far, this one included.
        max_attempts: how many of those the job may have.
        cancel_requested: whether somebody wants it cancelled: then it is never queued again.
    """
    if ending.outcome == Outcome.SUCCEEDED:
        return JobStatus.SUCCEEDED
    if ending.outcome == Outcome.CANCELLED:
        return JobStatus.CANCELLED
    if ending.outcome == Outcome.TIMED_OUT or (ending.outcome == Outcome.FAILED and not ending.retryable):
        return JobStatus.FAILED
    if cancel_requested:
        return JobStatus.CANCELLED
    if ending.outcome != Outcome.RELEASED and failures >= max_attempts:
        return JobStatus.FAILED
    return JobStatus.QUEUED


def end_attempt(
    connection: Connection, job_id: str, attempt: int, ending: Ending, *guards: ColumnElement[bool]
) -> JobStatus | None:
    """End the running attempt of a job and give the job its next status, fenced.

    Returns:
        The next status; None when that attempt was no longer the running one or a guard did not hold.
    """
    counts = int(ending.outcome in (Outcome.LOST, Outcome.FAILED) and ending.retryable)
    failures = Job.failures + counts
    job = advance(connection, job_id, *mine(attempt), *guards, failures=failures, lease_expires_at=None)
    if job is None:
        return None
    status = next_status(
        ending, failures=job.failures, max_attempts=job.max_attempts, cancel_requested=job.cancel_requested
    )
    values = _queued_again(connection, job) if status == JobStatus.QUEUED else _finished(connection, ending, status)
    seconds = job.running_seconds + _seconds_running(connection, job_id, attempt)
    connection.execute(
        update(table_of(Job)).where(Job.id == job_id).values(status=status, running_seconds=seconds, **values)
    )
    error = {"error_code": ending.code, "error_detail": ending.detail}
    close_attempt(connection, job_id, attempt, {"outcome": ending.outcome, **error})
    reason = {"outcome": ending.outcome, "error": ending.code and {"code": ending.code, "detail": ending.detail}}
    add_status_event(connection, job, status, **reason)
    return status


def _queued_again(connection: Connection, job: Row[Any]) -> dict[str, object]:
    # A checkpoint binds the job to the kind of device it was made on: another kind would give other numbers.
    queue = job.device_kind if job.checkpoint else job.queue
    return {"queued_at": clock.database_now(connection), "published_at": None, "worker": None, "queue": queue}


def _finished(connection: Connection, ending: Ending, status: JobStatus) -> dict[str, object]:
    values: dict[str, object] = {"finished_at": clock.database_now(connection), "checkpoint": None}
    if status == JobStatus.FAILED:
        values |= {"error_code": ending.code, "error_detail": ending.detail}
    return values


def _seconds_running(connection: Connection, job_id: str, attempt: int) -> float:
    started, now = connection.execute(
        select(Attempt.started_at, clock.database_now(connection)).where(
            Attempt.job_id == job_id, Attempt.attempt == attempt
        )
    ).one()
    return max(0.0, (now - started).total_seconds())
