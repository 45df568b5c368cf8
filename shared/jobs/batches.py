"""The users' actions on many jobs at once: submit all of them or none, and cancel each that can be cancelled."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypeVar

from shared.database import clock
from shared.database.tables import Job
from shared.errors import DatabaseUnavailable, FlightlineError, IllegalTransition, JobNotFound
from shared.jobs import idempotency
from shared.jobs.actor import Actor, not_yours
from shared.jobs.guarded_write import add_events, add_status_events, advance_all, lock_all, table_of
from shared.jobs.new_jobs import insert_jobs, training_job
from shared.jobs.quota import require_room
from shared.jobs.status import JobStatus

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sqlalchemy import Connection, Row

    from shared.database.engine import Database
    from shared.jobs.idempotency import SubmissionKey
    from shared.jobspec import Submission

T = TypeVar("T")
Cancelled: TypeAlias = Literal["cancelled", "requested"]
Outcomes: TypeAlias = "dict[str, T | FlightlineError]"
"""What became of each job, by its id: a value, or the error with which an action on this job alone would fail."""

PART = 100
"""Jobs that one transaction changes: while it lasts, SQLite lets nobody else write, workers included."""


def submit_all(db: Database, submissions: Sequence[Submission], *, actor: Actor) -> list[str]:
    """Insert jobs as queued, all of them or none. The caller must publish them afterwards.

    Returns:
        The new jobs' ids, in the order of the submissions.

    Raises:
        TooManyQueuedJobs: the owner would have more queued jobs than are allowed.
    """
    new = [training_job(one, owner=actor.owner) for one in submissions]

    def work(connection: Connection) -> list[str]:
        require_room(connection, actor, len(new))
        return insert_jobs(connection, new)

    return db.write(work)


def submit_all_once(
    db: Database, submissions: Sequence[Submission], key: SubmissionKey, *, actor: Actor
) -> tuple[list[str], bool]:
    """As `submit_all`; but where the key was sent before, write nothing and return the jobs of the first request.

    Returns:
        The jobs' ids, in the order of the submissions, and whether they are new. Of repeated ones some may have been
        deleted since.

    Raises:
        IdempotencyKeyReused: the key was sent with a different request.
        IdempotencyKeyInUse: the first request with the key is still in progress.
        TooManyQueuedJobs: as `submit_all`.
    """
    new = [training_job(one, owner=actor.owner) for one in submissions]

    def work(connection: Connection) -> tuple[list[str], bool]:
        first = idempotency.first_batch(connection, key)
        if first is not None:
            return first, False
        require_room(connection, actor, len(new))
        ids = insert_jobs(connection, new)
        idempotency.record_batch(connection, key, ids)
        return ids, True

    return db.write(work)


def cancel_all(db: Database, job_ids: Sequence[str], *, actor: Actor) -> Outcomes[Cancelled]:
    """Cancel queued and paused jobs at once, and running jobs by a flag that their workers see within a second.

    Returns:
        For each job ``"cancelled"`` when it is cancelled, now or before, ``"requested"`` when its worker has yet to
        stop, or why it cannot be cancelled: JobNotFound, NotYours, or IllegalTransition as it has succeeded or failed.
    """

    def work(connection: Connection, part: Sequence[str]) -> Outcomes[Cancelled]:
        return cancel_part(connection, part, actor)

    return in_parts(db, job_ids, work)


def in_parts(
    db: Database, job_ids: Sequence[str], work: Callable[[Connection, Sequence[str]], Mapping[str, T]]
) -> Outcomes[T]:
    """Run `work` on the ids, each once, `PART` of them in a transaction, and return what became of each.

    Raises:
        DatabaseUnavailable: nothing was changed. Where it becomes unavailable later, this is the outcome of the rest.
    """
    ids = list(dict.fromkeys(job_ids))
    done: dict[str, T | FlightlineError] = {}
    for start in range(0, len(ids), PART):
        part = ids[start : start + PART]
        try:
            done |= db.write(lambda connection, part=part: work(connection, part))  # type: ignore[misc]
        except DatabaseUnavailable as error:
            if not done:
                raise
            return done | dict.fromkeys(ids[start:], error)
    return done


def only(outcomes: Outcomes[T]) -> T:
    """Return what became of the only job. Raises the error where there is one."""
    [outcome] = outcomes.values()
    if isinstance(outcome, FlightlineError):
        raise outcome
    return outcome


_READ = tuple(table_of(Job).c[name] for name in ("owner", "status", "cancel_requested"))


def cancel_part(connection: Connection, job_ids: Sequence[str], actor: Actor) -> Outcomes[Cancelled]:
    """Cancel some jobs, `PART` at most, in this transaction. Returns what `cancel_all` returns."""
    found = lock_all(connection, job_ids, actor.reach, reading=_READ)
    outcomes = {job_id: _cancelled(job_id, found.get(job_id), actor) for job_id in job_ids}
    found = {one: row for one, row in found.items() if not isinstance(outcomes[one], FlightlineError)}
    now = clock.database_now(connection)
    waiting = [job_id for job_id, row in found.items() if row.status in (JobStatus.QUEUED, JobStatus.PAUSED)]
    ended = {"status": JobStatus.CANCELLED, "cancel_requested": True, "finished_at": now}
    ended |= {"checkpoint": None, "state_hash": None, "not_before": None, "following": None}
    changed = advance_all(connection, waiting, **ended)
    add_status_events(connection, changed, JobStatus.CANCELLED)
    running = [one for one, row in found.items() if row.status == JobStatus.RUNNING and not row.cancel_requested]
    changed = advance_all(connection, running, cancel_requested=True)
    told = [{"job_id": job.id, "seq": job.event_seq, "data": {"attempt": job.attempt}} for job in changed]
    add_events(connection, [event | {"kind": "cancel_requested"} for event in told])
    return outcomes


def _cancelled(job_id: str, row: Row[Any] | None, actor: Actor) -> Cancelled | FlightlineError:
    """Return what becomes of a job that is to be cancelled, given its row before."""
    if row is None:
        return JobNotFound(job_id)
    if refused := not_yours(job_id, row.owner, actor):
        return refused
    if row.status in (JobStatus.QUEUED, JobStatus.PAUSED, JobStatus.CANCELLED):
        return "cancelled"
    if row.status == JobStatus.RUNNING:
        return "requested"
    return IllegalTransition(f"Job {job_id} has already {row.status}; only one that has not ended can be cancelled.")
