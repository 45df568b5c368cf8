"""What the database says for questions about a finished job's network: predictors, weights, mistakes, exports."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import insert, select

from shared import wire
from shared.database import clock
from shared.database.tables import Artifact, Evaluation, Job, Worker
from shared.errors import JobNotFound, NotFound
from shared.jobs.actor import Actor
from shared.jobs.guarded_write import lock_if, table_of
from shared.jobs.status import JobKind, JobStatus, WorkerRole, imported_elsewhere
from shared.storage.store import Stored

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from shared.database.engine import Database


class FinishedJob(NamedTuple):
    """What identifies a finished job's network and its files."""

    name: str | None
    preset: str | None
    architecture_kind: str
    spec: dict[str, Any]
    artifacts: dict[str, Stored]
    """The job's files by name, such as ``best.safetensors``."""


def has_predictor(db: Database, *, silent_seconds: float) -> bool:
    """Whether a predictor has reported within `silent_seconds`, so that a question to it may be answered."""
    with db.read() as connection:
        recent = Worker.last_heartbeat_at > clock.database_now_plus(connection, -silent_seconds)
        found = connection.scalar(select(Worker.id).where(Worker.role == WorkerRole.PREDICT, recent).limit(1))
    return found is not None


def finished_job(db: Database, job_id: str, *, actor: Actor) -> FinishedJob:
    """Read what identifies a job's network and its files.

    Raises:
        JobNotFound: no such job.
        NotFound: the job has not succeeded, or is none that trains.
    """
    columns = (Job.name, Job.preset, Job.architecture_kind, Job.spec, Job.status, Job.kind)
    files = select(Artifact.name, Artifact.path, Artifact.sha256, Artifact.bytes).where(Artifact.job_id == job_id)
    with db.read() as connection:
        job = connection.execute(select(*columns).where(Job.id == job_id, actor.reach)).one_or_none()
        if job is None:
            raise JobNotFound(job_id)
        if job.kind != JobKind.TRAIN:
            raise NotFound(_without_network(job_id, job.kind, job.spec))
        if job.status != JobStatus.SUCCEEDED:
            raise NotFound(f"Job {job_id} is {job.status}; only a job that has succeeded has a network to use.")
        artifacts = {row.name: Stored(row.path, row.sha256, row.bytes) for row in connection.execute(files)}
    return FinishedJob(job.name, job.preset, job.architecture_kind, job.spec, artifacts)


def _without_network(job_id: str, kind: str, spec: dict[str, Any]) -> str:
    """Say that a job of another kind has no network, and for an evaluation which job has the one that it scored."""
    if kind == JobKind.IMPORTED:
        return imported_elsewhere(job_id, "asked about images")
    scored = f" Ask job {spec['job']}, whose network it scored." if kind == JobKind.EVALUATE else ""
    return f"Job {job_id} is of the kind {kind}: it has trained no network.{scored}"


def weights_of(db: Database, job_id: str, weights: str, *, actor: Actor) -> FinishedJob:
    """Read a job that has the file of its `best` or `last` weights.

    Raises:
        JobNotFound: no such job.
        NotFound: the job has not succeeded, or did not keep these weights; names those that it kept.
    """
    job = finished_job(db, job_id, actor=actor)
    if f"{weights}.safetensors" not in job.artifacts:
        kept = [name for name in ("best", "last") if f"{name}.safetensors" in job.artifacts]
        none = "It kept none (FLIGHTLINE_KEEP_WEIGHTS), or they were pruned."
        instead = f"It kept {kept[0]}: ask with weights={kept[0]}." if kept else none
        raise NotFound(f"Job {job_id} did not keep its {weights} weights. {instead}")
    return job


def mistakes(db: Database, job_id: str, weights: str, limit: int, *, actor: Actor) -> list[wire.Mistake]:
    """Read the validation images that a job's `best` or `last` weights got most wrong, the worst first.

    Raises:
        JobNotFound: no such job.
        NotFound: the job has not succeeded, or a release trained it that kept no list of mistakes.
    """
    wanted = select(Evaluation.mistakes).where(Evaluation.job_id == job_id, Evaluation.weights == weights)
    with db.read() as connection:
        if connection.scalar(select(Job.id).where(Job.id == job_id, actor.reach)) is None:
            raise JobNotFound(job_id)
        row = connection.execute(wanted).one_or_none()
    if row is None:
        raise NotFound(f"Job {job_id} has no evaluation of its {weights} weights until it has succeeded.")
    if row.mistakes is None:
        raise NotFound(
            f"Job {job_id} was trained by a release that kept no list of mistakes. Submit it again (retry) for one."
        )
    return [wire.Mistake(**one) for one in row.mistakes[:limit]]


def add_artifact(db: Database, job_id: str, name: str, stored: Stored) -> Stored | None:
    """Name a file that was made after the job's end, so that it is listed, downloaded and deleted with the job.

    Returns:
        The file that now has the name: `stored`, or the one that another process named first; None where the job has
        been deleted meanwhile.
    """

    def work(connection: Connection) -> Stored | None:
        if not lock_if(connection, job_id, Job.status == JobStatus.SUCCEEDED):
            return None
        columns = (Artifact.path, Artifact.sha256, Artifact.bytes)
        named = select(*columns).where(Artifact.job_id == job_id, Artifact.name == name)
        if (row := connection.execute(named).one_or_none()) is not None:
            return Stored(*row)
        values = {"job_id": job_id, "name": name, **asdict(stored), "created_at": clock.database_now(connection)}
        connection.execute(insert(table_of(Artifact)).values(values))
        return stored

    return db.write(work)
