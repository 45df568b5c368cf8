"""The users' actions on jobs: submit, cancel, retry, delete, change the priority; each in one transaction.

The workers' actions are in `shared.jobs.running.attempts`. Nothing else changes a job.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, assert_never

import uuid6
from sqlalchemy import delete as sql_delete
from sqlalchemy import insert, select, update

from shared.database import clock
from shared.database.tables import Artifact, Job, JobTag
from shared.errors import IllegalTransition, JobNotFound
from shared.jobs import idempotency
from shared.jobs.actor import Actor, require_own
from shared.jobs.guarded_write import add_event, add_status_event, advance, insert_rows, table_of
from shared.jobs.new_jobs import evaluation_columns, training_columns
from shared.jobs.search import index
from shared.jobs.status import FINISHED, KNOWN_KINDS, JobKind, JobStatus
from shared.jobspec import parse_spec
from shared.jobspec.evaluation import checked_evaluation
from shared.jobspec.fields.evaluation import EvaluationRequest

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy import Connection, Row

    from shared.database.engine import Database
    from shared.jobs.idempotency import SubmissionKey
    from shared.jobspec import Caps, Catalog, Submission

    _NewJob = tuple[dict[str, Any], Sequence[str]]
    """A new job's columns except its id and times, and its tags."""


def submit(
    db: Database,
    submission: Submission,
    *,
    actor: Actor,
) -> str:
    """Insert a job as queued. The caller must publish it afterwards (`shared.delivery.publisher.publish`).

    Returns:
        The new job's id, a UUIDv7.
    """
    values = training_columns(submission) | {"owner": actor.owner}
    return db.write(lambda connection: _insert(connection, values, submission.spec.tags))


def submit_once(
    db: Database,
    submission: Submission,
    key: SubmissionKey,
    *,
    actor: Actor,
) -> tuple[str, bool]:
    """As `submit`; but where the key was sent before, write nothing and return the job of the first request.

    Returns:
        The job's id, and whether it is new.

    Raises:
        IdempotencyKeyReused: the key was sent with a different request.
        IdempotencyKeyInUse: the first request with the key is still in progress.
    """
    values = training_columns(submission) | {"owner": actor.owner}
    return _insert_once(db, key, lambda _connection: (values, submission.spec.tags))


def _insert_once(db: Database, key: SubmissionKey, describe: Callable[[Connection], _NewJob]) -> tuple[str, bool]:
    """Insert the job that `describe` returns, unless the key already has a job: then `describe` is not called."""

    def work(connection: Connection) -> tuple[str, bool]:
        first = idempotency.first_job(connection, key)
        if first is not None:
            return first, False
        job_id = _insert(connection, *describe(connection))
        idempotency.record(connection, key, job_id)
        return job_id, True

    return db.write(work)


def _insert(connection: Connection, values: dict[str, Any], tags: Sequence[str]) -> str:
    job_id = str(uuid6.uuid7())
    now = clock.database_now(connection)
    connection.execute(insert(table_of(Job)).values(id=job_id, created_at=now, queued_at=now, **values))
    insert_rows(connection, JobTag, [{"job_id": job_id, "tag": tag} for tag in tags])
    add_event(connection, job_id, 1, "status", {"status": JobStatus.QUEUED, "attempt": 0})
    index.index(connection, [job_id])
    return job_id


def cancel(db: Database, job_id: str, *, actor: Actor) -> Literal["cancelled", "requested"]:
    """Cancel a queued job at once, or a running job by a flag that its worker sees within a second.

    Returns:
        ``"cancelled"`` when the job is cancelled, now or before, ``"requested"`` when its worker has yet to stop.

    Raises:
        JobNotFound, NotYours: as `require_own`.
        IllegalTransition: the job has already succeeded or failed.
    """
    return db.write(lambda connection: _cancel(connection, job_id, actor))


def _cancel(connection: Connection, job_id: str, actor: Actor) -> Literal["cancelled", "requested"]:
    require_own(connection, job_id, actor)
    now = clock.database_now(connection)
    cancelled: dict[str, Any] = {
        "status": JobStatus.CANCELLED,
        "cancel_requested": True,
        "finished_at": now,
        "checkpoint": None,
        "not_before": None,
    }
    job = advance(connection, job_id, actor.reach, Job.status == JobStatus.QUEUED, **cancelled)
    if job is not None:
        add_status_event(connection, job, JobStatus.CANCELLED)
        return "cancelled"
    running = (Job.status == JobStatus.RUNNING, Job.cancel_requested.is_(False))
    job = advance(connection, job_id, actor.reach, *running, cancel_requested=True)
    if job is not None:
        add_event(connection, job_id, job.event_seq, "cancel_requested", {"attempt": job.attempt})
        return "requested"
    status = _status(connection, job_id, actor)
    if status == JobStatus.RUNNING:
        return "requested"
    if status == JobStatus.CANCELLED:
        return "cancelled"
    message = f"Job {job_id} has already {status}; only a queued or running job can be cancelled."
    raise IllegalTransition(message)


def retry(db: Database, job_id: str, caps: Caps, catalog: Catalog, *, actor: Actor) -> str:
    """Submit the spec of a finished job again, as a new job linked to it by `retry_of`.

    Returns:
        The new job's id.

    Raises:
        JobNotFound: no such job.
        IllegalTransition: it is still queued or running.
        InvalidSpec: the spec exceeds a limit that was lowered since.
    """
    return db.write(lambda connection: _insert(connection, *_repetition(connection, job_id, caps, catalog, actor)))


def retry_once(
    db: Database, job_id: str, caps: Caps, key: SubmissionKey, catalog: Catalog, *, actor: Actor
) -> tuple[str, bool]:
    """As `retry`; but where the key was sent before, write nothing and return the job of the first request.

    That holds even where the original job has been deleted since.

    Returns:
        The job's id, and whether it is new.

    Raises:
        JobNotFound, IllegalTransition, InvalidSpec: as `retry`.
        IdempotencyKeyReused, IdempotencyKeyInUse: as `submit_once`.
    """
    return _insert_once(db, key, lambda connection: _repetition(connection, job_id, caps, catalog, actor))


def _repetition(connection: Connection, job_id: str, caps: Caps, catalog: Catalog, actor: Actor) -> _NewJob:
    """Return the columns and tags of a new job that repeats a finished one."""
    job = _job(connection, job_id, actor)
    if job.status not in FINISHED:
        message = f"Job {job_id} is {job.status}; only a finished job can be retried. Cancel it first, or wait for it."
        raise IllegalTransition(message)
    if job.kind not in KNOWN_KINDS:
        message = f"Job {job_id} is of the kind {job.kind!r}, which only a later release can retry."
        raise IllegalTransition(message)
    # Checked like a submission: caps, data and rules may have changed since, and the cost with them.
    values, tags = _same_again(connection, job, caps, catalog, actor)
    return values | {"preset": job.preset, "owner": actor.owner, "retry_of": job_id}, tags


def _same_again(connection: Connection, job: Row[Any], caps: Caps, catalog: Catalog, actor: Actor) -> _NewJob:
    kind = JobKind(job.kind)
    match kind:
        case JobKind.TRAIN:
            submission = parse_spec(job.spec, caps, catalog)
            return training_columns(submission), submission.spec.tags
        case JobKind.EVALUATE:
            request = EvaluationRequest.model_validate({key: job.spec[key] for key in job.spec if key != "job"})
            return _evaluation(connection, job.spec["job"], request, caps, catalog, actor)
        case _:
            assert_never(kind)


def evaluate(
    db: Database, job_id: str, request: EvaluationRequest, caps: Caps, catalog: Catalog, *, actor: Actor
) -> str:
    """Submit the evaluation of a job that has succeeded, as a new job of the kind `evaluate`.

    Returns:
        The new job's id.

    Raises:
        JobNotFound: no such job.
        IllegalTransition: the job has no such weights.
        InvalidSpec: its network cannot be scored on this data set.
    """
    return db.write(
        lambda connection: _insert(connection, *_evaluation(connection, job_id, request, caps, catalog, actor))
    )


def evaluate_once(
    db: Database,
    job_id: str,
    request: EvaluationRequest,
    caps: Caps,
    key: SubmissionKey,
    catalog: Catalog,
    *,
    actor: Actor,
) -> tuple[str, bool]:
    """As `evaluate`; but where the key was sent before, write nothing and return the job of the first request.

    Returns:
        The job's id, and whether it is new.

    Raises:
        JobNotFound, IllegalTransition, InvalidSpec: as `evaluate`.
        IdempotencyKeyReused, IdempotencyKeyInUse: as `submit_once`.
    """
    return _insert_once(db, key, lambda connection: _evaluation(connection, job_id, request, caps, catalog, actor))


def _evaluation(
    connection: Connection, job_id: str, request: EvaluationRequest, caps: Caps, catalog: Catalog, actor: Actor
) -> _NewJob:
    """Return the columns and tags of a new job that evaluates a finished one."""
    job = _job(connection, job_id, actor)
    if job.kind != JobKind.TRAIN or job.status != JobStatus.SUCCEEDED:
        what = f"is {job.status}" if job.kind == JobKind.TRAIN else "has trained no network"
        message = f"Job {job_id} {what}; only a training that has succeeded can be evaluated."
        raise IllegalTransition(message)
    file = f"{request.weights}.safetensors"
    kept = connection.scalars(select(Artifact.name).where(Artifact.job_id == job_id)).all()
    if file not in kept:
        message = (
            f"Job {job_id} has not kept its {request.weights} weights (FLIGHTLINE_KEEP_WEIGHTS), or they were pruned."
        )
        raise IllegalTransition(message)
    spec = checked_evaluation(request, job_id, job.spec, caps, catalog)
    return evaluation_columns(spec, job) | {"owner": actor.owner}, spec.tags


def may_have_files(db: Database, job_id: str, *, actor: Actor) -> bool:
    """Whether a finished job may have files in the storage. They must be deleted before the row that names them.

    Raises:
        JobNotFound, NotYours: as `require_own`.
        IllegalTransition: it is still queued or running.
    """
    with db.read() as connection:
        require_own(connection, job_id, actor)
        job = _job(connection, job_id, actor)
    if job.status not in FINISHED:
        raise _undeletable(job_id, job.status)
    return bool(job.attempt)


def delete(db: Database, job_id: str, *, actor: Actor) -> None:
    """Delete a finished job and all rows that belong to it.

    Raises:
        JobNotFound, NotYours: as `require_own`.
        IllegalTransition: it is still queued or running.
    """
    db.write(lambda connection: _delete(connection, job_id, actor))


def _delete(connection: Connection, job_id: str, actor: Actor) -> None:
    require_own(connection, job_id, actor)
    finished = (Job.id == job_id, actor.reach, Job.status.in_(FINISHED))
    if not connection.execute(sql_delete(Job).where(*finished)).rowcount:
        raise _undeletable(job_id, _status(connection, job_id, actor))


def _undeletable(job_id: str, status: str) -> IllegalTransition:
    return IllegalTransition(f"Job {job_id} is {status}; only a finished job can be deleted. Cancel it first.")


def set_priority(db: Database, job_id: str, priority: int, *, actor: Actor) -> None:
    """Change the priority (0 to 9, 9 the most urgent) of a queued job. The caller must publish it again.

    Raises:
        JobNotFound, NotYours: as `require_own`.
        IllegalTransition: the job is no longer queued.
    """

    def work(connection: Connection) -> None:
        require_own(connection, job_id, actor)
        queued = Job.status == JobStatus.QUEUED
        job = advance(connection, job_id, actor.reach, queued, priority=priority, published_at=None)
        if job is None:
            status = _status(connection, job_id, actor)
            now = f"has already {status}" if status in ("succeeded", "failed") else f"is {status}"
            message = f"Job {job_id} {now}; its priority can be changed only while it is queued."
            raise IllegalTransition(message)
        add_event(connection, job_id, job.event_seq, "priority", {"priority": priority})

    db.write(work)


def mark_published(db: Database, job_ids: Sequence[str]) -> None:
    """Record that the messages of these jobs are in Redis."""

    def work(connection: Connection) -> None:
        now = clock.database_now(connection)
        queued = (Job.id.in_(job_ids), Job.status == JobStatus.QUEUED)
        connection.execute(update(Job).where(*queued).values(published_at=now))

    db.write(work)


def _job(connection: Connection, job_id: str, actor: Actor) -> Row[Any]:
    statement = select(*Job.__table__.columns).where(Job.id == job_id, actor.reach)
    job = connection.execute(statement).one_or_none()
    if job is None:
        raise JobNotFound(job_id)
    return job


def _status(connection: Connection, job_id: str, actor: Actor) -> str:
    return str(_job(connection, job_id, actor).status)
