"""The users' actions on one job: submit, cancel, retry, evaluate; each in one transaction.

Many jobs at once are in `shared.jobs.batches`, changes of a job's labels in `shared.jobs.edits`, deletions in
`shared.jobs.deletion`, and the workers' actions in `shared.jobs.running.attempts`. Nothing else changes a job.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, assert_never

from sqlalchemy import select

from shared.database.tables import Artifact, Job, JobTag
from shared.errors import IllegalTransition, JobNotFound
from shared.jobs import idempotency
from shared.jobs.actor import Actor
from shared.jobs.batches import Cancelled, cancel_all, only
from shared.jobs.new_jobs import NewJob, evaluation_job, insert_jobs, training_job
from shared.jobs.quota import require_room
from shared.jobs.status import FINISHED, KNOWN_KINDS, JobKind, JobStatus, imported_elsewhere
from shared.jobspec import parse_spec
from shared.jobspec.evaluation import checked_evaluation
from shared.jobspec.fields.evaluation import EvaluationRequest

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection, Row

    from shared.database.engine import Database
    from shared.jobs.idempotency import SubmissionKey
    from shared.jobspec import Caps, Catalog, Submission


class Submitted(NamedTuple):
    """A submitted job: its id, a UUIDv7, and whether it is new.

    It is not where the request's key was sent before: then nothing is written, and this is the job of the first
    request, even where what that was about has been deleted since.
    """

    job_id: str
    new: bool


def submit(db: Database, submission: Submission, *, actor: Actor, key: SubmissionKey | None = None) -> Submitted:
    """Insert a job as queued. The caller must publish a new one afterwards (`shared.delivery.publisher.publish`).

    Raises:
        TooManyQueuedJobs: the owner has as many queued jobs as are allowed.
        IdempotencyKeyReused: the key was sent with a different request.
        IdempotencyKeyInUse: the first request with the key is still in progress.
    """
    new = training_job(submission, owner=actor.owner)
    return _submit(db, lambda _connection: new, actor, key)


def _submit(
    db: Database, describe: Callable[[Connection], NewJob], actor: Actor, key: SubmissionKey | None
) -> Submitted:
    """Insert the job that `describe` returns, unless the key already has a job: then `describe` is not called."""

    def work(connection: Connection) -> Submitted:
        first = None if key is None else idempotency.first_job(connection, key)
        if first is not None:
            return Submitted(first, new=False)
        job_id = _insert(connection, describe(connection), actor)
        if key is not None:
            idempotency.record(connection, key, job_id)
        return Submitted(job_id, new=True)

    return db.write(work)


def _insert(connection: Connection, new: NewJob, actor: Actor) -> str:
    require_room(connection, actor, 1)
    [job_id] = insert_jobs(connection, [new])
    return job_id


def cancel(db: Database, job_id: str, *, actor: Actor) -> Cancelled:
    """Cancel a queued or paused job at once, or a running job by a flag that its worker sees within a second.

    Returns:
        ``"cancelled"`` when the job is cancelled, now or before, ``"requested"`` when its worker has yet to stop.

    Raises:
        JobNotFound: no such job.
        NotYours: the job belongs to another owner.
        IllegalTransition: the job has already succeeded or failed.
    """
    return only(cancel_all(db, [job_id], actor=actor))


def retry(
    db: Database, job_id: str, caps: Caps, catalog: Catalog, *, actor: Actor, key: SubmissionKey | None = None
) -> Submitted:
    """Submit the spec of a finished job again, as a new job linked to it by `retry_of`.

    Raises:
        JobNotFound: no such job.
        IllegalTransition: it has not finished.
        InvalidSpec: the spec exceeds a limit that was lowered since.
        TooManyQueuedJobs, IdempotencyKeyReused, IdempotencyKeyInUse: as `submit`.
    """
    return _submit(db, lambda connection: _repetition(connection, job_id, caps, catalog, actor), actor, key)


def _repetition(connection: Connection, job_id: str, caps: Caps, catalog: Catalog, actor: Actor) -> NewJob:
    """Return the columns and tags of a new job that repeats a finished one."""
    job = _job(connection, job_id, actor)
    if job.status not in FINISHED:
        message = f"Job {job_id} is {job.status}; only a finished job can be retried. Cancel it first, or wait for it."
        raise IllegalTransition(message)
    if job.kind not in KNOWN_KINDS and job.kind != JobKind.IMPORTED:
        message = f"Job {job_id} is of the kind {job.kind!r}, which only a later release can retry."
        raise IllegalTransition(message)
    # Checked like a submission: caps, data and rules may have changed since, and the cost with them.
    values, tags = _same_again(connection, job, caps, catalog, actor)
    return NewJob(values | {"preset": job.preset, "owner": actor.owner, "retry_of": job_id}, tags)


def _same_again(connection: Connection, job: Row[Any], caps: Caps, catalog: Catalog, actor: Actor) -> NewJob:
    kind = JobKind(job.kind)
    spec = job.spec | {"name": job.name}
    if kind in KNOWN_KINDS:
        spec["tags"] = _present_tags(connection, job)
    match kind:
        case JobKind.TRAIN:
            return training_job(parse_spec(spec, caps, catalog))
        case JobKind.EVALUATE:
            request = EvaluationRequest.model_validate({key: spec[key] for key in spec if key != "job"})
            return _evaluation(connection, job.spec["job"], request, caps, catalog, actor)
        case JobKind.IMPORTED:
            raise IllegalTransition(imported_elsewhere(job.id, "retried"))
        case _:
            assert_never(kind)


class Elsewhere(NamedTuple):
    """Where a replay is to run otherwise than its original; None: as the original did."""

    engine: str | None = None
    device: str | None = None
    """Kind of device: `any`, `cpu` or `cuda`."""
    threads: int | None = None


def replay(
    db: Database,
    job_id: str,
    caps: Caps,
    catalog: Catalog,
    where: Elsewhere,
    *,
    actor: Actor,
    key: SubmissionKey | None = None,
) -> Submitted:
    """Submit a job that repeats a training that has succeeded, to be compared with it: linked by `replay_of`.

    It runs on the original's kind of device and with its engine, unless `where` says otherwise.

    Raises:
        JobNotFound: no such job.
        IllegalTransition: it is no training, or has not succeeded.
        InvalidSpec, TooManyQueuedJobs, IdempotencyKeyReused, IdempotencyKeyInUse: as `retry`.
    """
    return _submit(db, lambda connection: _replay(connection, job_id, caps, catalog, where, actor), actor, key)


def _replay(
    connection: Connection, job_id: str, caps: Caps, catalog: Catalog, where: Elsewhere, actor: Actor
) -> NewJob:
    """Return the columns and tags of a new job that repeats a finished one, where it ran."""
    job = _job(connection, job_id, actor)
    if job.kind == JobKind.IMPORTED:
        raise IllegalTransition(imported_elsewhere(job_id, "replayed"))
    if job.kind != JobKind.TRAIN or job.status != JobStatus.SUCCEEDED:
        what = f"is {job.status}" if job.kind == JobKind.TRAIN else f"is of the kind {job.kind!r}"
        message = f"Job {job_id} {what}; only a training that has succeeded can be replayed."
        raise IllegalTransition(message)
    device = where.device or job.device_kind or job.spec["resources"]["device"]
    engine = where.engine or (job.engine if device == job.device_kind else None) or "auto"
    resources = job.spec["resources"] | {"device": device} | ({"threads": where.threads} if where.threads else {})
    spec = job.spec | {
        "name": job.name,
        "tags": _present_tags(connection, job),
        "resources": resources,
        "training": job.spec["training"] | {"engine": engine},
        "cache": "off",  # it would be served the very figures that it is to be compared with
    }
    return training_job(parse_spec(spec, caps, catalog), owner=actor.owner, preset=job.preset, replay_of=job_id)


def _present_tags(connection: Connection, job: Row[Any]) -> list[str]:
    """Return the tags that a job has now; those that it was submitted with come first, in that order."""
    tags = connection.scalars(select(JobTag.tag).where(JobTag.job_id == job.id).order_by(JobTag.tag)).all()
    submitted = [tag for tag in job.spec["tags"] if tag in tags]
    return submitted + [tag for tag in tags if tag not in submitted]


def evaluate(
    db: Database,
    job_id: str,
    request: EvaluationRequest,
    caps: Caps,
    catalog: Catalog,
    *,
    actor: Actor,
    key: SubmissionKey | None = None,
) -> Submitted:
    """Submit the evaluation of a job that has succeeded, as a new job of the kind `evaluate`.

    Raises:
        JobNotFound: no such job.
        IllegalTransition: the job has no such weights.
        InvalidSpec: its network cannot be scored on this data set.
        TooManyQueuedJobs, IdempotencyKeyReused, IdempotencyKeyInUse: as `submit`.
    """
    return _submit(db, lambda connection: _evaluation(connection, job_id, request, caps, catalog, actor), actor, key)


def _evaluation(
    connection: Connection, job_id: str, request: EvaluationRequest, caps: Caps, catalog: Catalog, actor: Actor
) -> NewJob:
    """Return the columns and tags of a new job that evaluates a finished one."""
    job = _job(connection, job_id, actor)
    if job.kind == JobKind.IMPORTED:
        raise IllegalTransition(imported_elsewhere(job_id, "evaluated"))
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
