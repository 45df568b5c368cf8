"""Retention: artifacts of finished jobs that are deleted by age, number or size; the jobs and their figures stay.

The rows that name the files are deleted first, in transactions of a few jobs, and the files after them. A kill in
between leaves files that no row names, which `shared.storage.orphans` deletes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import delete, func, select

from shared.database import clock
from shared.database.tables import Artifact, Job
from shared.jobs.reuse import prefixes
from shared.jobs.status import FINISHED, JobKind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

    from shared.database.engine import Database
    from shared.storage.store import Storage

_BATCH = 50
"""Jobs whose artifacts are deleted in one transaction."""


@dataclass(frozen=True)
class Retention:
    """What is kept; a job's artifacts are deleted when any of the limits that are set says so.

    Attributes:
        older_than_seconds: artifacts of jobs that finished longer ago are deleted.
        keep_jobs: artifacts of this many jobs are kept, those that finished last.
        max_bytes: the newest artifacts are kept, as many as have this many bytes together.
    """

    older_than_seconds: float | None = None
    keep_jobs: int | None = None
    max_bytes: int | None = None


@dataclass(frozen=True)
class Kept:
    """A finished job's artifacts: how many files, and how many bytes together."""

    job_id: str
    files: int
    bytes: int


@dataclass(frozen=True)
class Pruned:
    """What was deleted, or would be."""

    jobs: int
    files: int
    bytes: int

    @classmethod
    def of(cls, jobs: Sequence[Kept]) -> Pruned:
        """Add up these jobs' artifacts."""
        return cls(len(jobs), sum(job.files for job in jobs), sum(job.bytes for job in jobs))


def prunable(db: Database, retention: Retention) -> list[Kept]:
    """Return the jobs whose artifacts a retention deletes, the oldest first.

    Jobs that a queued or running evaluation is about are left out: it needs their weights.
    """
    with db.read() as connection:
        newest_first = _finished_with_artifacts(connection)
        old = _older(connection, retention.older_than_seconds)
        needed = _needed(connection)
    chosen, total = list[Kept](), 0
    for number, job in enumerate(newest_first, 1):
        total += job.bytes
        beyond = retention.keep_jobs is not None and number > retention.keep_jobs
        too_much = retention.max_bytes is not None and total > retention.max_bytes
        if (beyond or too_much or job.job_id in old) and job.job_id not in needed:
            chosen.append(job)
    return chosen[::-1]


def _finished_with_artifacts(connection: Connection) -> list[Kept]:
    rows = connection.execute(
        select(Artifact.job_id, func.count(), func.sum(Artifact.bytes))
        .join(Job, Job.id == Artifact.job_id)
        .where(Job.status.in_(FINISHED))
        .group_by(Artifact.job_id, Job.finished_at)
        .order_by(Job.finished_at.desc(), Artifact.job_id.desc())
    )
    return [Kept(job_id, files, int(size)) for job_id, files, size in rows]


def _older(connection: Connection, seconds: float | None) -> set[str]:
    if seconds is None:
        return set()
    before = clock.database_now_plus(connection, -seconds)
    return set(connection.scalars(select(Job.id).where(Job.finished_at < before)))


def _needed(connection: Connection) -> set[str]:
    unfinished = (Job.kind == JobKind.EVALUATE, Job.status.not_in(FINISHED))
    return {spec["job"] for spec in connection.scalars(select(Job.spec).where(*unfinished))}


def prune(db: Database, storage: Storage, jobs: Sequence[Kept]) -> Pruned:
    """Delete the artifacts of these jobs, rows and files, and the checkpoints that they have kept.

    A job that was deleted meanwhile, or that an evaluation which was submitted meanwhile is about, is passed over.

    Raises:
        StorageUnavailable: the storage is not mounted or does not answer; nothing was deleted.
    """
    storage.recognise()
    files, size, pruned = 0, 0, set[str]()
    for start in range(0, len(jobs), _BATCH):
        ids = [job.job_id for job in jobs[start : start + _BATCH]]
        removed, checkpoints = _delete_rows(db, ids)
        storage.delete([*(path for _, path, _ in removed), *checkpoints])
        files += len(removed)
        size += sum(length for *_, length in removed)
        pruned |= {job for job, *_ in removed}
    return Pruned(len(pruned), files, size)


def _delete_rows(db: Database, ids: Sequence[str]) -> tuple[list[tuple[str, str, int]], list[str]]:
    """Delete the rows of these jobs' artifacts; return the job, path and bytes of each, and kept checkpoints' paths."""

    def work(connection: Connection) -> tuple[list[tuple[str, str, int]], list[str]]:
        # Locked before it is asked who needs them: an evaluation is submitted before that, or finds them gone.
        connection.execute(select(Artifact.name).where(Artifact.job_id.in_(ids)).with_for_update())
        free = set(ids) - _needed(connection)
        rows = delete(Artifact).where(Artifact.job_id.in_(free))
        deleted = connection.execute(rows.returning(Artifact.job_id, Artifact.path, Artifact.bytes))
        removed = [(job, path, size) for job, path, size in deleted]
        return removed, prefixes.forget(connection, {job for job, *_ in removed})

    return db.write(work)
