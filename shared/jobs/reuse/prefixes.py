"""Checkpoints that outlive their job's attempt, for jobs that go the same way to go on from.

A checkpoint's `state_hash` says all that the run depended on up to there, epoch by epoch. A job that has finished keeps
one: of a success, that of its last epoch, for longer jobs; of a cancel or a failure, that of its way, for whoever
followed it. A job that is paused, or waits for its next attempt, has one too. What finished jobs keep is bounded by
`FLIGHTLINE_KEPT_CHECKPOINTS_BYTES`, the newest first, and goes when the job is pruned or deleted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, func, select, update

from shared import wire
from shared.database.tables import Epoch, Job
from shared.jobs.guarded_write import change, lock_if, owned_by, table_of
from shared.jobs.reuse.serving import copy_epochs, rows_of
from shared.jobs.status import JobStatus
from shared.wire.answer import names

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sqlalchemy import Connection

    from shared.database.engine import Database
    from shared.jobs.running.claims import Claim
    from shared.jobspec.document import SpecDocument

_MOST_HASHES = 500
_MOST_DONORS = 5
_JOBS = table_of(Job).c


@dataclass(frozen=True)
class Donor:
    """A job with a checkpoint that another one may go on from.

    Attributes:
        job_id: its id.
        spec: its spec.
        entries: its checkpoints, the newest first, each with its `path`, `epoch` and `batches`.
    """

    job_id: str
    spec: SpecDocument
    entries: Sequence[Mapping[str, Any]]


def donors(db: Database, claim: Claim, state_hashes: Sequence[str]) -> list[Donor]:
    """Return jobs whose checkpoint has one of these hashes, those of the last hashes first.

    A running job is none: its checkpoints are replaced all the time.
    """
    found: list[Donor] = []
    with db.read() as connection:
        for end in range(len(state_hashes), 0, -_MOST_HASHES):
            part = state_hashes[max(0, end - _MOST_HASHES) : end]
            found += _donors(connection, claim, part)
            if len(found) >= _MOST_DONORS:
                break
    return found[:_MOST_DONORS]


def _donors(connection: Connection, claim: Claim, state_hashes: Sequence[str]) -> list[Donor]:
    place = {one: number for number, one in enumerate(state_hashes)}
    idle = (_JOBS.status != JobStatus.RUNNING, _JOBS.checkpoint.is_not(None), _JOBS.id != claim.job_id)
    columns = (_JOBS.id, _JOBS.spec, _JOBS.state_hash, _JOBS.checkpoint)
    rows = connection.execute(select(*columns).where(_JOBS.state_hash.in_(state_hashes), *idle)).all()
    furthest = sorted(rows, key=lambda row: (place[row.state_hash], row.id), reverse=True)
    return [Donor(row.id, row.spec, row.checkpoint.get("entries", [])) for row in furthest[:_MOST_DONORS]]


def adopt(db: Database, claim: Claim, donor_id: str, least: int, most: int) -> int | None:
    """Give a claimed job another one's first epochs as its own, to go on after them. Call before `record_environment`.

    Args:
        db: the database.
        claim: the job.
        donor_id: the other job.
        least: number of epochs that the checkpoint needs.
        most: number of epochs that it stands for: one more, where the last one was only to be validated.

    Returns:
        The number of epochs; None where the other job has not so many any more, or the claimed one was lost.
    """

    def work(connection: Connection) -> int | None:
        if not lock_if(connection, claim.job_id, *owned_by(claim.attempt), Job.worker == claim.worker):
            return None
        rows = rows_of(connection, Epoch, donor_id)[:most]
        if [row["epoch"] for row in rows] != list(range(1, len(rows) + 1)) or len(rows) < least:
            return None
        connection.execute(delete(table_of(Epoch)).where(Epoch.job_id == claim.job_id))
        taken = {"continued_from": donor_id, "continued_epochs": len(rows)}
        copy_epochs(connection, claim, rows, taken | _summary(rows))
        return len(rows)

    return db.write(work)


def _summary(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the columns of a job that has these epochs."""
    if not rows:
        return {"epoch": 0}
    best = max(rows, key=lambda row: (row["val_accuracy"], -row["epoch"]))
    figures = {name: rows[-1][name] for name in names(wire.Result) if name in rows[-1]}
    best_figures = {"best_val_accuracy": best["val_accuracy"], "best_epoch": best["epoch"]}
    return {"epoch": rows[-1]["epoch"], **figures, **best_figures}


def keep(db: Database, claim: Claim, entry: Mapping[str, Any], state_hash: str) -> bool:
    """Record the checkpoint of a job's last epoch, once it has succeeded; False where the job is gone."""
    kept = {"checkpoint": {"entries": [dict(entry)]}, "state_hash": state_hash, "kept_bytes": entry["bytes"]}
    ended = (Job.attempt == claim.attempt, Job.worker == claim.worker, Job.status == JobStatus.SUCCEEDED)
    return db.write(lambda connection: change(connection, claim.job_id, *ended, **kept) is not None)


def keeps(db: Database, job_id: str) -> bool:
    """Whether a finished job has kept a checkpoint."""
    with db.read() as connection:
        return connection.scalar(select(_JOBS.kept_bytes).where(_JOBS.id == job_id)) is not None


def make_room(db: Database, most_bytes: int) -> list[str]:
    """Forget the oldest checkpoints of finished jobs, until the rest have at most `most_bytes`.

    Returns:
        The paths of their files, which nobody names any more.
    """
    with db.read() as connection:
        if _kept_bytes(connection) <= most_bytes:
            return []
    return db.write(lambda connection: _make_room(connection, most_bytes))


def _kept_bytes(connection: Connection) -> int:
    return int(connection.scalar(select(func.sum(_JOBS.kept_bytes)).where(_JOBS.kept_bytes.is_not(None))) or 0)


def _make_room(connection: Connection, most_bytes: int) -> list[str]:
    kept = select(_JOBS.id, _JOBS.kept_bytes).where(_JOBS.kept_bytes.is_not(None)).order_by(_JOBS.finished_at)
    left, old = _kept_bytes(connection), []
    for row in connection.execute(kept):
        if left <= most_bytes:
            break
        left -= row.kept_bytes
        old.append(row.id)
    return forget(connection, old)


def forget(connection: Connection, job_ids: Iterable[str]) -> list[str]:
    """Forget what finished jobs have kept; returns the paths of the files."""
    ids = sorted(job_ids)
    kept = select(_JOBS.id, _JOBS.checkpoint).where(_JOBS.id.in_(ids), _JOBS.kept_bytes.is_not(None))
    rows = connection.execute(kept.order_by(_JOBS.id).with_for_update(skip_locked=True, key_share=True)).all()
    nothing = {"checkpoint": None, "state_hash": None, "kept_bytes": None}
    connection.execute(update(table_of(Job)).where(_JOBS.id.in_([row.id for row in rows])).values(**nothing))
    return [entry["path"] for row in rows for entry in (row.checkpoint or {}).get("entries", [])]
