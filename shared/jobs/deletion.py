"""Deletion of finished jobs: first their files in the artifact storage, then all rows that belong to them."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, select

from shared.database.tables import Job
from shared.errors import FlightlineError, IllegalTransition, JobNotFound, StorageError, StorageUnavailable
from shared.jobs.actor import Actor, not_yours
from shared.jobs.batches import PART, Outcomes, in_parts
from shared.jobs.guarded_write import lock_all, table_of
from shared.jobs.status import FINISHED

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sqlalchemy import Connection, Row

    from shared.database.engine import Database
    from shared.storage.store import Storage

log = logging.getLogger(__name__)
_AT_ONCE = 8
"""Jobs whose files are deleted at the same time: an object store takes a tenth of a second for each."""


def delete_all(db: Database, storage: Storage, job_ids: Sequence[str], *, actor: Actor) -> Outcomes[None]:
    """Delete finished jobs with their files and all rows that belong to them.

    A job whose files cannot be deleted, as the storage is unavailable, is kept, so that no file is left without a job.

    Returns:
        For each job None when it is deleted, or why it is not: JobNotFound, NotYours, IllegalTransition as it has
        not finished, or StorageUnavailable.
    """
    outcomes = dict[str, FlightlineError | None]()
    with_files = list[str]()
    for job_id, found in _look(db, job_ids, actor).items():
        if isinstance(found, FlightlineError):
            outcomes[job_id] = found
        elif found:
            with_files.append(job_id)
    outcomes |= _delete_files(storage, with_files)
    outcomes |= delete_rows(db, [one for one in job_ids if outcomes.get(one) is None], actor=actor)
    gone = [job_id for job_id in with_files if outcomes[job_id] is None]
    _delete_files(storage, gone)  # once more: a predictor may have stored a file of the job until it was gone
    return {job_id: outcomes[job_id] for job_id in job_ids}


def delete_rows(db: Database, job_ids: Sequence[str], *, actor: Actor) -> Outcomes[None]:
    """Delete the rows of finished jobs, whose files are deleted already. Returns what `delete_all` returns."""
    return in_parts(db, job_ids, lambda connection, part: _delete_rows(connection, part, actor))


def _delete_rows(connection: Connection, job_ids: Sequence[str], actor: Actor) -> Outcomes[None]:
    found = lock_all(connection, job_ids, actor.reach, reading=(table_of(Job).c.owner, table_of(Job).c.status))
    outcomes = {job_id: _refusal(job_id, found.get(job_id), actor) for job_id in job_ids}
    finished = [job_id for job_id, refused in outcomes.items() if refused is None]
    if finished:
        connection.execute(delete(table_of(Job)).where(Job.id.in_(finished)))
    return outcomes


def _look(db: Database, job_ids: Sequence[str], actor: Actor) -> Mapping[str, bool | FlightlineError]:
    """Return for each job whether it may have files in the storage, or why it cannot be deleted."""
    ids = list(dict.fromkeys(job_ids))
    rows: dict[str, Row[Any]] = {}
    with db.read() as connection:
        for start in range(0, len(ids), PART):
            part = Job.id.in_(ids[start : start + PART])
            statement = select(Job.id, Job.owner, Job.status, Job.attempt).where(part, actor.reach)
            rows |= {row.id: row for row in connection.execute(statement)}
    return {job_id: _refusal(job_id, rows.get(job_id), actor) or bool(rows[job_id].attempt) for job_id in ids}


def _refusal(job_id: str, row: Row[Any] | None, actor: Actor) -> FlightlineError | None:
    if row is None:
        return JobNotFound(job_id)
    if refused := not_yours(job_id, row.owner, actor):
        return refused
    if row.status not in FINISHED:
        return IllegalTransition(f"Job {job_id} is {row.status}; only a finished job can be deleted. Cancel it first.")
    return None


def _delete_files(storage: Storage, job_ids: Iterable[str]) -> Outcomes[None]:
    """Delete the jobs' files, some at the same time. Once the storage is unavailable, the rest is not tried."""
    lost = list[StorageUnavailable]()

    def delete_one(job_id: str) -> StorageUnavailable | None:
        if lost:
            return lost[0]
        try:
            storage.delete_below(job_id)
        except StorageUnavailable as error:
            lost.append(error)
            return error
        except StorageError:  # no permission, no such bucket: trying again would not help
            log.exception("artifacts_left_over", extra={"job_id": job_id})
        return None

    ids = list(job_ids)
    if len(ids) == 1:
        return {ids[0]: delete_one(ids[0])}
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return dict(zip(ids, pool.map(delete_one, ids), strict=True))
