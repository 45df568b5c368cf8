"""What a worker does to a job: claim it, keep it, record what it learns, and end its attempt, each in one transaction.

A worker that lost its job (its lease ran out and another one took over) is told so by every function here: nothing
that it still tries to write takes effect.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import delete, func, insert, select, update

from shared import wire
from shared.answer import names
from shared.database import clock
from shared.database.tables import Artifact, Attempt, Epoch, Evaluation, Job
from shared.database.upsert import upsert
from shared.jobs.guarded_write import add_event, add_status_event, advance, holds, insert_rows, lock, mine, table_of
from shared.jobs.job_log import write_lines
from shared.jobs.outcomes import Ending, due, end_attempt
from shared.jobs.status import KNOWN_KINDS, JobKind, JobStatus, Outcome

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import ColumnElement, Connection

    from shared.database.engine import Database
    from shared.jobspec.document import SpecDocument

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Claimant:
    """Who claims: a worker's id, its device such as ``cuda:0``, that device's kind, the kinds of job that it runs."""

    worker: str
    device: str
    device_kind: str
    kinds: frozenset[JobKind] = KNOWN_KINDS


@dataclass(frozen=True)
class Claim:
    """A job that is ours for as long as the lease is renewed."""

    job_id: str
    attempt: int
    worker: str
    spec: SpecDocument
    spec_hash: str
    running_seconds: float
    """Running time of the earlier attempts, which the spec's `timeout_seconds` counts too."""
    checkpoint: dict[str, Any] | None
    """As `record_checkpoint` wrote it last."""
    exact: bool
    kind: JobKind
    waited_seconds: float = 0.0
    """From the submission to this claim, by the database's clock."""


_CLAIMED = [
    table_of(Job).c[name]
    for name in (
        *("spec", "spec_hash", "running_seconds", "checkpoint", "exact", "kind"),
        *("created_at", "lease_expires_at"),
    )
]


@dataclass(frozen=True)
class Heartbeat:
    """What a renewed lease tells."""

    cancel_requested: bool


class Line(NamedTuple):
    """A line of a job's log."""

    level: str
    message: str
    seconds_ago: float = 0.0
    """How long before its writing it was said."""


def claim(
    db: Database, job_id: str, claimant: Claimant, lease_seconds: float, *, priority: int | None = None
) -> Claim | None:
    """Make a queued job running, as the next attempt.

    Args:
        db: the database.
        job_id: which job.
        claimant: whose it is to be.
        lease_seconds: how long the claim holds without a heartbeat.
        priority: that of the message; one that was sent before the priority changed counts for nothing.

    Returns:
        None when there is nothing to do: another worker has it, it is finished, cancelled or deleted, it waits for its
        next attempt's time, it is for another kind of device or has another message, or the claimant does not know
        its kind.
    """
    return db.write(lambda connection: _claim(connection, job_id, claimant, lease_seconds, priority))


def _claim(
    connection: Connection, job_id: str, claimant: Claimant, lease_seconds: float, priority: int | None
) -> Claim | None:
    now = clock.database_now(connection)
    job = advance(
        connection,
        job_id,
        Job.status == JobStatus.QUEUED,
        Job.kind.in_(claimant.kinds),
        Job.queue.in_(("any", claimant.device_kind)),
        Job.priority == (Job.priority if priority is None else priority),
        due(connection),
        reading=_CLAIMED,
        status=JobStatus.RUNNING,
        attempt=Job.attempt + 1,
        worker=claimant.worker,
        device=claimant.device,
        device_kind=claimant.device_kind,
        lease_expires_at=clock.database_now_plus(connection, lease_seconds),
        not_before=None,
        started_at=func.coalesce(Job.started_at, now, type_=Job.started_at.type),
    )
    if job is None:
        return None
    attempt = {"worker": claimant.worker, "device": claimant.device, "started_at": now}
    connection.execute(insert(table_of(Attempt)).values(job_id=job_id, attempt=job.attempt, **attempt))
    add_status_event(connection, job, JobStatus.RUNNING, worker=claimant.worker, device=claimant.device)
    return Claim(
        job_id=job.id,
        attempt=job.attempt,
        worker=claimant.worker,
        spec=job.spec,
        spec_hash=job.spec_hash,
        running_seconds=job.running_seconds,
        checkpoint=job.checkpoint,
        exact=job.exact,
        kind=JobKind(job.kind),
        waited_seconds=(job.lease_expires_at - job.created_at).total_seconds() - lease_seconds,
    )


def heartbeat(db: Database, claim: Claim, lease_seconds: float) -> Heartbeat | None:
    """Renew the lease and look for a cancel in the same write; None when the job is no longer ours."""

    def work(connection: Connection) -> Heartbeat | None:
        expiry = clock.database_now_plus(connection, lease_seconds)
        reading = (table_of(Job).c.cancel_requested,)
        job = advance(connection, claim.job_id, *_ours(claim), events=0, reading=reading, lease_expires_at=expiry)
        return None if job is None else Heartbeat(cancel_requested=job.cancel_requested)

    return db.write(work)


def record_environment(
    db: Database,
    claim: Claim,
    environment: Mapping[str, object],
    *,
    engine: str,
    exact: bool,
    first_epoch: int | None,
    from_checkpoint: bool = True,
) -> bool:
    """Say on what the attempt runs and, when another one ran before, with which epoch it begins (None: no other did).

    `from_checkpoint` says whether it goes on there, or starts over as it has no checkpoint that fits. To be called
    before the attempt's first epoch. False when the job is no longer ours.
    """
    resumed_from = first_epoch if from_checkpoint else None

    def work(connection: Connection) -> bool:
        # Progress goes back to the epochs that stand, so that nobody sees a job wait at an epoch that is run again.
        epoch = Job.epoch if first_epoch is None else first_epoch - 1
        values: dict[str, Any] = {"engine": engine, "exact": exact, "epoch": epoch}
        events = int(first_epoch is not None)
        job = advance(connection, claim.job_id, *_ours(claim), events=events, **values)
        if job is None:
            return False
        connection.execute(
            update(table_of(Attempt))
            .where(Attempt.job_id == claim.job_id, Attempt.attempt == claim.attempt)
            .values(environment=dict(environment), resumed_from_epoch=resumed_from)
        )
        if first_epoch is not None:
            data = {"attempt": claim.attempt, "from_epoch": first_epoch}
            add_event(connection, claim.job_id, job.event_seq, "resumed", data)
        return True

    return db.write(work)


def record_epochs(db: Database, claim: Claim, rows: Sequence[Mapping[str, Any]], best: Mapping[str, Any]) -> bool:
    """Write finished epochs, and the job's summary as of the last of them.

    Args:
        db: the database.
        claim: whose.
        rows: columns of `Epoch` but job_id, attempt and seq; in order.
        best: `best_val_accuracy` and `best_epoch` so far.

    Returns:
        False when the job is no longer ours, or the epochs before these are not there, see `holds`.
    """
    before = rows[0]["epoch"] - 1 if rows else 0
    return db.write(lambda connection: _record_epochs(connection, claim, rows, best, before))


def _record_epochs(
    connection: Connection,
    claim: Claim,
    rows: Sequence[Mapping[str, Any]],
    best: Mapping[str, Any],
    before: int,
    **also: Any,
) -> bool:
    if not lock(connection, claim.job_id, *_ours(claim), holds(before)):
        return False
    rows = _unwritten(connection, claim, rows)
    values = also | (_summary(rows[-1], best) if rows else {})
    if not values:
        return True
    job = advance(connection, claim.job_id, *_ours(claim), events=len(rows), **values)
    if job is None:
        return False
    keys = {"job_id": claim.job_id, "attempt": claim.attempt}
    numbered = [{**row, **keys, "seq": seq} for seq, row in enumerate(rows, job.event_seq - len(rows) + 1)]
    if numbered:
        upsert(connection, Epoch, numbered, where=lambda new: Epoch.attempt < new.attempt)
    return True


def _summary(last: Mapping[str, Any], best: Mapping[str, Any]) -> dict[str, Any]:
    """The job's columns as of its last epoch: what its result says of that one, and of the best one."""
    figures = {name: last[name] for name in names(wire.Result) if name in last}
    return {"epoch": last["epoch"], "epoch_seconds": last["seconds"], **figures, **best}


def _unwritten(connection: Connection, claim: Claim, rows: Sequence[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
    """Those epochs that this attempt has not written yet: a commit whose answer was lost is repeated."""
    if not rows:
        return rows
    mine_already = select(func.max(Epoch.epoch)).where(Epoch.job_id == claim.job_id, Epoch.attempt == claim.attempt)
    written = connection.scalar(mine_already) or 0
    return [row for row in rows if row["epoch"] > written]


def record_checkpoint(
    db: Database, claim: Claim, checkpoint: Mapping[str, object], *, finished_epochs: int = 0
) -> bool:
    """Make a saved checkpoint, of a run that has finished and recorded so many epochs, the one to resume from.

    False when the job is no longer ours, or those epochs are not there, see `holds`.
    """

    def work(connection: Connection) -> bool:
        guards = (*_ours(claim), holds(finished_epochs))
        return advance(connection, claim.job_id, *guards, events=0, checkpoint=dict(checkpoint)) is not None

    return db.write(work)


def log(db: Database, claim: Claim, lines: Sequence[Line], *, keep: int) -> bool:
    """Add lines to the job's log and drop all but the newest `keep`. False when no longer ours."""

    def work(connection: Connection) -> bool:
        if not lock(connection, claim.job_id, *_ours(claim)):
            return False
        write_lines(connection, claim.job_id, claim.attempt, lines, keep)
        return True

    return db.write(work)


def best_before(db: Database, job_id: str, epoch: int) -> dict[str, Any]:
    """`best_val_accuracy` and `best_epoch` of the epochs before this one, the earliest of equals; {} for the first."""
    if epoch == 1:
        return {}
    columns = (Epoch.val_accuracy.label("best_val_accuracy"), Epoch.epoch.label("best_epoch"))
    earlier = select(*columns).where(Epoch.job_id == job_id, Epoch.epoch < epoch)
    with db.read() as connection:
        row = connection.execute(earlier.order_by(Epoch.val_accuracy.desc(), Epoch.epoch).limit(1)).one_or_none()
        return {} if row is None else row._asdict()


def succeed(
    db: Database,
    claim: Claim,
    *,
    epochs: Sequence[Mapping[str, Any]],
    best: Mapping[str, Any],
    exact: bool,
    evaluations: Sequence[Mapping[str, Any]],
    artifacts: Sequence[Mapping[str, Any]],
    finished_epochs: int = 0,
    lines: Sequence[Line] = (),
    keep_lines: int = 1,
) -> bool:
    """Write the last epochs and log lines, the evaluations and the artifacts, and finish the job, all or nothing.

    Args:
        db: the database.
        claim: whose.
        epochs: those that are not recorded yet.
        best: as for `record_epochs`.
        exact: whether a repetition in the same environment would give the same bits.
        evaluations: columns of `Evaluation` but job_id.
        artifacts: columns of `Artifact` but job_id and created_at.
        finished_epochs: those of the whole run, all of which stand in the database then.
        lines: log lines that are not written yet, as for `log`.
        keep_lines: how many of the job's lines are kept.

    Returns:
        False when the job is no longer ours, or earlier epochs are not there, see `holds`. Called again after a commit
        whose answer was lost, it recognises its own and says True.
    """

    def work(connection: Connection) -> bool:
        if not _record_epochs(connection, claim, epochs, best, finished_epochs - len(epochs), exact=exact):
            return _ended_as(connection, claim, Outcome.SUCCEEDED)
        now = clock.database_now(connection)
        if claim.attempt > 1:  # an earlier attempt may have gone further than this one, which stopped early
            last = select(Job.epoch).where(Job.id == claim.job_id).scalar_subquery()
            connection.execute(delete(Epoch).where(Epoch.job_id == claim.job_id, Epoch.epoch > last))
        insert_rows(connection, Evaluation, evaluations, job_id=claim.job_id)
        insert_rows(connection, Artifact, artifacts, job_id=claim.job_id, created_at=now)
        write_lines(connection, claim.job_id, claim.attempt, lines, keep_lines)
        return _end(connection, claim, Ending(Outcome.SUCCEEDED)) is not None

    return db.write(work)


def end(db: Database, claim: Claim, ending: Ending, *, retry_seconds: float = 0.0) -> JobStatus | None:
    """End the attempt otherwise: failed, released, cancelled or timed out.

    `retry_seconds` is the first delay between a failed attempt and the next one; see `outcomes.retry_delay_seconds`.

    Returns:
        The status that the job has now; None when it was no longer ours. Called again after a commit whose answer was
        lost, it recognises its own.
    """

    def work(connection: Connection) -> JobStatus | None:
        status = _end(connection, claim, ending, retry_seconds)
        if status is None and _ended_as(connection, claim, ending.outcome):
            return JobStatus(connection.execute(select(Job.status).where(Job.id == claim.job_id)).scalar_one())
        return status

    return db.write(work)


def _ours(claim: Claim) -> tuple[ColumnElement[bool], ...]:
    """The guards of a claim: the job still runs as this attempt, and for this worker.

    In a database that was put back to an earlier state another worker may have an attempt of our number.
    """
    return *mine(claim.attempt), Job.worker == claim.worker


def _end(connection: Connection, claim: Claim, ending: Ending, retry_seconds: float = 0.0) -> JobStatus | None:
    ours = Job.worker == claim.worker
    return end_attempt(connection, claim.job_id, claim.attempt, ending, ours, retry_seconds=retry_seconds)


def _ended_as(connection: Connection, claim: Claim, outcome: Outcome) -> bool:
    ours = (Attempt.job_id == claim.job_id, Attempt.attempt == claim.attempt, Attempt.worker == claim.worker)
    return connection.scalar(select(Attempt.outcome).where(*ours)) == outcome
