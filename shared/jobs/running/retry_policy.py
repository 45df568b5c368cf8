"""The retry policy: how an attempt ends, which status its job gets, and when the next attempt may start."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, Row, or_, select, update

from shared.database import clock
from shared.database.tables import Attempt, Job
from shared.jobs.guarded_write import add_status_event, advance, close_attempt, owned_by, table_of
from shared.jobs.reuse import twins
from shared.jobs.status import JobStatus, Outcome
from shared.telemetry import tallies

if TYPE_CHECKING:
    from sqlalchemy import Connection

LONGEST_DELAY_SECONDS = 600.0
"""Longest delay before a next attempt, unless the first delay is set to more."""
_DELAY_FACTOR = 6.0
_MOST_STEPS = 20  # far beyond the longest delay, and far below the largest float


@dataclass(frozen=True)
class Ending:
    """The outcome of an attempt, with the reason where it did not succeed."""

    outcome: Outcome
    code: str | None = None
    detail: str | None = None
    retryable: bool = False
    following: str | None = None
    """The twin that a released job is to follow, if that still leads."""


def next_status(ending: Ending, *, failures: int, max_attempts: int, cancel_requested: bool) -> JobStatus:
    """Return the status of a job after an attempt.

    Args:
        ending: how the attempt ended.
        failures: number of attempts lost or failed with a retryable error so far, this one included.
        max_attempts: largest number of such attempts that the job allows.
        cancel_requested: whether the job's cancellation was requested: then it is never queued again.
    """
    if ending.outcome in (Outcome.SUCCEEDED, Outcome.CANCELLED):
        return JobStatus(ending.outcome)
    if ending.outcome == Outcome.TIMED_OUT or (ending.outcome == Outcome.FAILED and not ending.retryable):
        return JobStatus.FAILED
    if cancel_requested:
        return JobStatus.CANCELLED
    if ending.outcome == Outcome.PAUSED:
        return JobStatus.PAUSED
    if ending.outcome != Outcome.RELEASED and failures >= max_attempts:
        return JobStatus.FAILED
    return JobStatus.QUEUED


def retry_delay_seconds(ending: Ending, *, failures: int, retry_seconds: float) -> float:
    """Return how long a job that is queued again waits for its next attempt.

    A retryable failure needs time to pass: a broken GPU would use up all attempts within seconds. A lost attempt died
    with its process, and a released one was stopped on purpose: after both, the next attempt may start at once.

    Args:
        ending: how the attempt ended.
        failures: as for `next_status`, at least 1 for a failed attempt.
        retry_seconds: the first delay; every further failure multiplies it by `_DELAY_FACTOR`.
    """
    if ending.outcome != Outcome.FAILED:
        return 0.0
    growth = _DELAY_FACTOR ** min(failures - 1, _MOST_STEPS)
    return min(retry_seconds * growth, max(retry_seconds, LONGEST_DELAY_SECONDS))


def due(connection: Connection) -> ColumnElement[bool]:
    """Return the SQL condition for queued jobs whose next attempt may start now.

    A job queued in the future is due: the database's clock was set back, by an unknown amount.
    """
    now = clock.database_now(connection)
    return or_(Job.not_before.is_(None), Job.not_before <= now, Job.queued_at > now)


_JOBS = table_of(Job).c
_READ = (
    *(_JOBS.failures, _JOBS.max_attempts, _JOBS.cancel_requested, _JOBS.queue),
    *(_JOBS.running_seconds, _JOBS.lease_expires_at),
    # The checkpoint itself: in RETURNING, SQLite 3.40 takes IS NOT NULL for true where the column is null.
    *(_JOBS.device_kind, _JOBS.checkpoint, _JOBS.kind, _JOBS.cache, _JOBS.twin_hash, _JOBS.state_hash),
)


def end_attempt(
    connection: Connection,
    job_id: str,
    attempt: int,
    ending: Ending,
    *guards: ColumnElement[bool],
    retry_seconds: float = 0.0,
) -> JobStatus | None:
    """End the running attempt of a job and set the job's next status, in one guarded write.

    Args:
        connection: connection of a write transaction.
        job_id: the job.
        attempt: number of the attempt.
        ending: how the attempt ended.
        guards: further conditions on the job's row.
        retry_seconds: as for `retry_delay_seconds`.

    Returns:
        The job's new status; None when the attempt was no longer running or a guard did not hold.
    """
    counts = int(ending.outcome in (Outcome.LOST, Outcome.FAILED) and ending.retryable)
    failures = Job.failures + counts
    values: dict[str, Any] = {"failures": failures, "leads": None}
    job = advance(connection, job_id, *owned_by(attempt), *guards, reading=_READ, **values)
    if job is None:
        return None
    followers = twins.let_go(connection, job_id)
    status = next_status(
        ending, failures=job.failures, max_attempts=job.max_attempts, cancel_requested=job.cancel_requested
    )
    delay = retry_delay_seconds(ending, failures=job.failures, retry_seconds=retry_seconds)
    again = status == JobStatus.QUEUED
    if again:
        values = _queued_again(connection, job, delay) | _follower(connection, job, ending)
    elif status == JobStatus.PAUSED:
        values = _paused(job)
    else:
        values = _finished(connection, ending, status) | _kept(job, status, followers)
    values["running_seconds"] = job.running_seconds + _seconds_running(connection, job, attempt)
    ended = update(table_of(Job)).where(Job.id == job_id).values(status=status, lease_expires_at=None, **values)
    connection.execute(ended)
    error = {"error_code": ending.code, "error_detail": ending.detail}
    close_attempt(connection, job_id, attempt, {"outcome": ending.outcome, **error})
    tallies.count_ended(connection, job.kind, ending.outcome, ending.code)
    reason: dict[str, object] = {
        "outcome": ending.outcome,
        "error": ending.code and {"code": ending.code, "detail": ending.detail},
    }
    if again:
        leader = values.get("following")
        reason["not_before"] = None if leader else clock.isoformat(values["not_before"])
        reason |= {"following": leader} if leader else {}
    add_status_event(connection, job, status, **reason)
    return status


def _queued_again(connection: Connection, job: Row[Any], delay_seconds: float) -> dict[str, Any]:
    later = select(clock.database_now_plus(connection, delay_seconds))
    values = {
        "queue": _queue_of(job),
        "worker": None,
        "queued_at": clock.database_now(connection),
        "published_at": None,
    }
    return values | {"not_before": connection.scalar(later) if delay_seconds else None}


def _follower(connection: Connection, job: Row[Any], ending: Ending) -> dict[str, Any]:
    """Return the columns of a job that is to follow a twin; none where it need not, or the twin leads no more."""
    leads = ending.following is not None and twins.leaders(connection, [job.twin_hash])
    return {"following": leads[job.twin_hash], "not_before": twins.PARKED} if leads else {}


def _kept(job: Row[Any], status: JobStatus, followers: int) -> dict[str, Any]:
    """Return the columns of a checkpoint that is kept, for equal jobs to go on from; none where it is not.

    A job that has succeeded has no use for the checkpoints of its way there.
    """
    wanted = status != JobStatus.SUCCEEDED and (job.cache != "off" or followers)
    if not wanted or job.checkpoint is None or job.state_hash is None:
        return {"state_hash": None}
    size = sum(entry.get("bytes", 0) for entry in job.checkpoint["entries"])
    return {"checkpoint": job.checkpoint, "kept_bytes": size}


def _paused(job: Row[Any]) -> dict[str, Any]:
    """Return the columns of a job that waits for nobody; its checkpoint stays."""
    return {"queue": _queue_of(job), "worker": None, "not_before": None}


def _queue_of(job: Row[Any]) -> str:
    """Return where the job's next attempt is to run: a checkpoint binds it to the kind of device that made it."""
    queue: str = job.device_kind if job.checkpoint else job.queue
    return queue


def _finished(connection: Connection, ending: Ending, status: JobStatus) -> dict[str, Any]:
    values: dict[str, Any] = {"finished_at": clock.database_now(connection), "checkpoint": None, "not_before": None}
    if status == JobStatus.FAILED:
        values |= {"error_code": ending.code, "error_detail": ending.detail}
    return values


def _seconds_running(connection: Connection, job: Row[Any], attempt: int) -> float:
    """Return how long the attempt ran: no longer than its lease, as a lost one may be found days later."""
    started, now = connection.execute(
        select(Attempt.started_at, clock.database_now(connection)).where(
            Attempt.job_id == job.id, Attempt.attempt == attempt
        )
    ).one()
    return max(0.0, (min(now, job.lease_expires_at or now) - started).total_seconds())
