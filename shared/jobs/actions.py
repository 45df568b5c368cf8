"""The users' actions on one job: submit, cancel, retry, evaluate; each in one transaction.

Many jobs at once are in `shared.jobs.batches`, changes of a job's labels in `shared.jobs.edits`, deletions in
`shared.jobs.deletion`, and the workers' actions in `shared.jobs.running.attempts`. Nothing else changes a job.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, assert_never

from sqlalchemy import select

from shared.database.tables import Artifact, Job, JobTag
from shared.errors import IllegalTransition, JobNotFound
from shared.jobs import idempotency
from shared.jobs.actor import Actor
from shared.jobs.batches import Cancelled, cancel_all, only
from shared.jobs.new_jobs import NewJob, evaluation_job, insert_jobs, training_job
from shared.jobs.quota import require_room
from shared.jobs.status import FINISHED, KNOWN_KINDS, JobKind, JobStatus
from shared.jobspec import parse_spec
from shared.jobspec.evaluation import checked_evaluation
from shared.jobspec.fields.evaluation import EvaluationRequest

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection, Row

    from shared.database.engine import Database
    from shared.jobs.idempotency import SubmissionKey
    from shared.jobspec import Caps, Catalog, Submission


def submit(
    db: Database,
    submission: Submission,
    *,
    actor: Actor,
) -> str:
    """Insert a job as queued. The caller must publish it afterwards (`shared.delivery.publisher.publish`).

    Returns:
        The new job's id, a UUIDv7.

    Raises:
        TooManyQueuedJobs: the owner has as many queued jobs as are allowed.
    """
    new = training_job(submission, owner=actor.owner)
    return db.write(lambda connection: _insert(connection, new, actor))


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
        TooManyQueuedJobs: as `submit`.
    """
    new = training_job(submission, owner=actor.owner)
    return _insert_once(db, key, lambda _connection: new, actor)


def _insert_once(
    db: Database, key: SubmissionKey, describe: Callable[[Connection], NewJob], actor: Actor
) -> tuple[str, bool]:
    """Insert the job that `describe` returns, unless the key already has a job: then `describe` is not called."""

    def work(connection: Connection) -> tuple[str, bool]:
        first = idempotency.first_job(connection, key)
        if first is not None:
            return first, False
        job_id = _insert(connection, describe(connection), actor)
        idempotency.record(connection, key, job_id)
        return job_id, True

    return db.write(work)


def _insert(connection: Connection, new: NewJob, actor: Actor) -> str:
    require_room(connection, actor, 1)
    [job_id] = insert_jobs(connection, [new])
    return job_id


def cancel(db: Database, job_id: str, *, actor: Actor) -> Cancelled:
    """Cancel a queued job at once, or a running job by a flag that its worker sees within a second.

    Returns:
        ``"cancelled"`` when the job is cancelled, now or before, ``"requested"`` when its worker has yet to stop.

    Raises:
        JobNotFound: no such job.
        NotYours: the job belongs to another owner.
        IllegalTransition: the job has already succeeded or failed.
    """
    return only(cancel_all(db, [job_id], actor=actor))


def retry(db: Database, job_id: str, caps: Caps, catalog: Catalog, *, actor: Actor) -> str:
    """Submit the spec of a finished job again, as a new job linked to it by `retry_of`.

    Returns:
        The new job's id.

    Raises:
        JobNotFound: no such job.
        IllegalTransition: it is still queued or running.
        InvalidSpec: the spec exceeds a limit that was lowered since.
        TooManyQueuedJobs: as `submit`.
    """
    return db.write(
        lambda connection: _insert(connection, _repetition(connection, job_id, caps, catalog, actor), actor)
    )


def retry_once(
    db: Database, job_id: str, caps: Caps, key: SubmissionKey, catalog: Catalog, *, actor: Actor
) -> tuple[str, bool]:
    """As `retry`; but where the key was sent before, write nothing and return the job of the first request.

    That holds even where the original job has been deleted since.

    Returns:
        The job's id, and whether it is new.

    Raises:
        JobNotFound, IllegalTransition, InvalidSpec, TooManyQueuedJobs: as `retry`.
        IdempotencyKeyReused, IdempotencyKeyInUse: as `submit_once`.
    """
    return _insert_once(db, key, lambda connection: _repetition(connection, job_id, caps, catalog, actor), actor)


def _repetition(connection: Connection, job_id: str, caps: Caps, catalog: Catalog, actor: Actor) -> NewJob:
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
    return NewJob(values | {"preset": job.preset, "owner": actor.owner, "retry_of": job_id}, tags)


def _same_again(connection: Connection, job: Row[Any], caps: Caps, catalog: Catalog, actor: Actor) -> NewJob:
    kind = JobKind(job.kind)
    spec = job.spec | {"name": job.name, "tags": _present_tags(connection, job)}
    match kind:
        case JobKind.TRAIN:
            return training_job(parse_spec(spec, caps, catalog))
        case JobKind.EVALUATE:
            request = EvaluationRequest.model_validate({key: spec[key] for key in spec if key != "job"})
            return _evaluation(connection, job.spec["job"], request, caps, catalog, actor)
        case _:
            assert_never(kind)


def _present_tags(connection: Connection, job: Row[Any]) -> list[str]:
    """Return the tags that a job has now; those that it was submitted with come first, in that order."""
    tags = connection.scalars(select(JobTag.tag).where(JobTag.job_id == job.id).order_by(JobTag.tag)).all()
    submitted = [tag for tag in job.spec["tags"] if tag in tags]
    return submitted + [tag for tag in tags if tag not in submitted]


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
        TooManyQueuedJobs: as `submit`.
    """
    return db.write(
        lambda connection: _insert(connection, _evaluation(connection, job_id, request, caps, catalog, actor), actor)
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
        JobNotFound, IllegalTransition, InvalidSpec, TooManyQueuedJobs: as `evaluate`.
        IdempotencyKeyReused, IdempotencyKeyInUse: as `submit_once`.
    """
    return _insert_once(
        db, key, lambda connection: _evaluation(connection, job_id, request, caps, catalog, actor), actor
    )


def _evaluation(
    connection: Connection, job_id: str, request: EvaluationRequest, caps: Caps, catalog: Catalog, actor: Actor
) -> NewJob:
    """Return the columns and tags of a new job that evaluates a finished one."""
    job = _job(connection, job_id, actor)
    if job.kind != JobKind.TRAIN or job.status != JobStatus.SUCCEEDED:
        what = f"is {job.status}" if job.kind == JobKind.TRAIN else "has trained no network"
        message = f"Job {job_id} {what}; only a training that has succeeded can be evaluated."
        raise IllegalTransition(message)
    file = f"{request.weights}.safetensors"
    own = select(Artifact.name).where(Artifact.job_id == job_id)
    kept = connection.scalars(own.with_for_update(read=True, key_share=True)).all()  # against a prune meanwhile
    if file not in kept:
        message = (
            f"Job {job_id} has not kept its {request.weights} weights (FLIGHTLINE_KEEP_WEIGHTS), or they were pruned."
        )
        raise IllegalTransition(message)
    spec = checked_evaluation(request, job_id, job.spec, caps, catalog)
    return evaluation_job(spec, job, owner=actor.owner)


def _job(connection: Connection, job_id: str, actor: Actor) -> Row[Any]:
    statement = select(*Job.__table__.columns).where(Job.id == job_id, actor.reach)
    job = connection.execute(statement).one_or_none()
    if job is None:
        raise JobNotFound(job_id)
    return job
