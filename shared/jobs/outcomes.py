"""How an attempt ends, what becomes of its job, and when that is tried again: the whole policy of retries."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, Row, or_, select, update

from shared.database import clock
from shared.database.tables import Attempt, Job
from shared.jobs.guarded_write import add_status_event, advance, close_attempt, mine, table_of
from shared.jobs.status import JobStatus, Outcome

if TYPE_CHECKING:
    from sqlalchemy import Connection

LONGEST_DELAY_SECONDS = 600.0
"""The most that a job waits for its next attempt, unless the first delay is set to more."""
_DELAY_FACTOR = 6.0
_MOST_STEPS = 20  # far beyond the longest delay, and far below what a float holds


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


def retry_delay_seconds(ending: Ending, *, failures: int, retry_seconds: float) -> float:
    """How long a job that is queued again waits for its next attempt.

    A failure that may pass needs time to do so: a broken card would use up every attempt within seconds. A lost attempt
    died with its process, and a released one was stopped on purpose: neither says anything against trying at once.

    Args:
        ending: how the attempt ended.
        failures: as for `next_status`, at least 1 for a failed attempt.
        retry_seconds: the first delay; each further failure makes it `_DELAY_FACTOR` times as long.
    """
    if ending.outcome != Outcome.FAILED:
        return 0.0
    growth = _DELAY_FACTOR ** min(failures - 1, _MOST_STEPS)
    return min(retry_seconds * growth, max(retry_seconds, LONGEST_DELAY_SECONDS))


def due(connection: Connection) -> ColumnElement[bool]:
    """The condition that a queued job may be tried now.

    One that was queued ahead of now waits no more: the database's clock was set back, by nobody knows how much.
    """
    now = clock.database_now(connection)
    return or_(Job.not_before.is_(None), Job.not_before <= now, Job.queued_at > now)


_JOBS = table_of(Job).c
_READ = (
    *(_JOBS.failures, _JOBS.max_attempts, _JOBS.cancel_requested, _JOBS.running_seconds, _JOBS.queue),
    # The checkpoint itself: in RETURNING, SQLite 3.40 takes IS NOT NULL for true where the column is null.
    *(_JOBS.device_kind, _JOBS.checkpoint),
)


def end_attempt(
    connection: Connection,
    job_id: str,
    attempt: int,
    ending: Ending,
    *guards: ColumnElement[bool],
    retry_seconds: float = 0.0,
) -> JobStatus | None:
    """End the running attempt of a job and give the job its next status, fenced.

    Args:
        connection: of a transaction that writes.
        job_id: whose attempt.
        attempt: its number.
        ending: how it ended.
        guards: what must hold beside.
        retry_seconds: as for `retry_delay_seconds`.

    Returns:
        The next status; None when that attempt was no longer the running one or a guard did not hold.
    """
    counts = int(ending.outcome in (Outcome.LOST, Outcome.FAILED) and ending.retryable)
    failures = Job.failures + counts
    values: dict[str, Any] = {"failures": failures, "lease_expires_at": None}
    job = advance(connection, job_id, *mine(attempt), *guards, reading=_READ, **values)
    if job is None:
        return None
    status = next_status(
        ending, failures=job.failures, max_attempts=job.max_attempts, cancel_requested=job.cancel_requested
    )
    delay = retry_delay_seconds(ending, failures=job.failures, retry_seconds=retry_seconds)
    again = status == JobStatus.QUEUED
    values = _queued_again(connection, job, delay) if again else _finished(connection, ending, status)
    seconds = job.running_seconds + _seconds_running(connection, job_id, attempt)
    connection.execute(
        update(table_of(Job)).where(Job.id == job_id).values(status=status, running_seconds=seconds, **values)
    )
    error = {"error_code": ending.code, "error_detail": ending.detail}
    close_attempt(connection, job_id, attempt, {"outcome": ending.outcome, **error})
    reason: dict[str, object] = {
        "outcome": ending.outcome,
        "error": ending.code and {"code": ending.code, "detail": ending.detail},
    }
    if again:
        reason["not_before"] = clock.isoformat(values["not_before"])
    add_status_event(connection, job, status, **reason)
    return status


def _queued_again(connection: Connection, job: Row[Any], delay_seconds: float) -> dict[str, Any]:
    # A checkpoint binds the job to the kind of device it was made on: another kind would give other numbers.
    queue = job.device_kind if job.checkpoint else job.queue
    later = select(clock.database_now_plus(connection, delay_seconds))
    values = {"queue": queue, "worker": None, "queued_at": clock.database_now(connection), "published_at": None}
    return values | {"not_before": connection.scalar(later) if delay_seconds else None}


def _finished(connection: Connection, ending: Ending, status: JobStatus) -> dict[str, Any]:
    values: dict[str, Any] = {"finished_at": clock.database_now(connection), "checkpoint": None, "not_before": None}
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
