"""The workers' actions on claimed jobs: renew the lease, record progress, end the attempt; each in one transaction.

Every function reports to a worker that it has lost its job (its lease ran out and another attempt took over): nothing
that such a worker still tries to write takes effect.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import delete, func, select, update

from shared import wire
from shared.database import clock
from shared.database.tables import Artifact, Attempt, Epoch, Evaluation, Job
from shared.database.upsert import upsert
from shared.jobs.data_needs import needs_columns
from shared.jobs.guarded_write import (
    add_event,
    advance,
    change,
    has_epochs,
    insert_rows,
    lock_if,
    owned_by,
    table_of,
)
from shared.jobs.reuse import twins
from shared.jobs.running.job_log import write_lines
from shared.jobs.running.retry_policy import Ending, end_attempt
from shared.jobs.status import JobStatus, Outcome
from shared.telemetry import tallies
from shared.wire.answer import names

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from sqlalchemy import ColumnElement, Connection

    from shared.database.engine import Database
    from shared.jobs.data_needs import Needs
    from shared.jobs.running.claims import Claim
    from shared.jobspec.document import SpecDocument

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Heartbeat:
    """What a worker learns when it renews its lease: whether the job's cancellation has been requested."""

    cancel_requested: bool


class Line(NamedTuple):
    """A line to add to a job's log: level, message, and how long ago it was logged."""

    level: str
    message: str
    seconds_ago: float = 0.0
    """Time between the logging of the line and its writing to the database."""


def heartbeat(db: Database, claim: Claim, lease_seconds: float) -> Heartbeat | None:
    """Renew the lease and read the cancel flag in the same write; None when the worker has lost the job."""

    def work(connection: Connection) -> Heartbeat | None:
        expiry = clock.database_now_plus(connection, lease_seconds)
        reading = (table_of(Job).c.cancel_requested,)
        job = change(connection, claim.job_id, *_owned(claim), reading=reading, lease_expires_at=expiry)
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
    lead: bool = False,
    seen: Collection[str] = (),
) -> bool:
    """Record the attempt's environment and, unless it is the first one to train, the epoch with which it begins.

    Call before the attempt's first epoch. `first_epoch` is None where no earlier attempt trained; `from_checkpoint` is
    False where the attempt starts over without a matching checkpoint. With `lead`, equal jobs follow this one from now
    on; `seen` are those that have succeeded and do not serve it. Returns False when the worker has lost the job, or the
    job must not begin: an equal one leads, or has succeeded just now.
    """
    resumed_from = first_epoch if from_checkpoint else None

    def work(connection: Connection) -> bool:
        # Progress goes back to the epochs that remain valid, as the later ones will be run again.
        epoch = Job.epoch if first_epoch is None else first_epoch - 1
        values: dict[str, Any] = {"engine": engine, "exact": exact, "epoch": epoch}
        if lead:
            if not twins.may_lead(connection, claim, seen):
                return False
            values["leads"] = claim.twin_hash
        if not from_checkpoint:
            values |= {"continued_from": None, "continued_epochs": None}
        events = int(first_epoch is not None)
        job = advance(connection, claim.job_id, *_owned(claim), events=events, **values)
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
    """Write finished epochs, and the job's summary as of the last one.

    Args:
        db: the database.
        claim: the worker's claim of the job.
        rows: columns of `Epoch` except job_id, attempt and seq; in order.
        best: `best_val_accuracy` and `best_epoch` so far.

    Returns:
        False when the worker has lost the job, or the database lacks the epochs before these, see `has_epochs`.
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
    if not lock_if(connection, claim.job_id, *_owned(claim), has_epochs(before)):
        return False
    rows = _unwritten(connection, claim, rows)
    values = also | (_summary(rows[-1], best) if rows else {})
    if not values:
        return True
    reading = (table_of(Job).c.device_kind,)
    job = advance(connection, claim.job_id, *_owned(claim), events=len(rows), reading=reading, **values)
    if job is None:
        return False
    keys = {"job_id": claim.job_id, "attempt": claim.attempt}
    numbered = [{**row, **keys, "seq": seq} for seq, row in enumerate(rows, job.event_seq - len(rows) + 1)]
    if numbered:
        upsert(connection, Epoch, numbered, where=lambda new: Epoch.attempt < new.attempt)
        tallies.count_epochs(connection, job.device_kind, [row["seconds"] for row in rows])
    return True


def _summary(last: Mapping[str, Any], best: Mapping[str, Any]) -> dict[str, Any]:
    """Return the job's columns as of its last epoch: the figures of that epoch and of the best one."""
    figures = {name: last[name] for name in names(wire.Result) if name in last}
    return {"epoch": last["epoch"], "epoch_seconds": last["seconds"], **figures, **best}


def _unwritten(connection: Connection, claim: Claim, rows: Sequence[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
    """Return the epochs that this attempt has not written yet: after a lost answer, a commit is repeated."""
    if not rows:
        return rows
    latest = select(func.max(Epoch.epoch)).where(Epoch.job_id == claim.job_id, Epoch.attempt == claim.attempt)
    written = connection.scalar(latest) or 0
    return [row for row in rows if row["epoch"] > written]


def record_checkpoint(
    db: Database,
    claim: Claim,
    checkpoint: Mapping[str, object],
    *,
    finished_epochs: int = 0,
    state_hash: str | None = None,
) -> bool:
    """Record a saved checkpoint as the one to resume from; `finished_epochs` of the run are recorded already.

    `state_hash` is that of the newest state, by which equal jobs find it. Returns False when the worker has lost the
    job, or the database lacks those epochs, see `has_epochs`.
    """

    def work(connection: Connection) -> bool:
        guards = (*_owned(claim), has_epochs(finished_epochs))
        saved = dict(checkpoint)
        return change(connection, claim.job_id, *guards, checkpoint=saved, state_hash=state_hash) is not None

    return db.write(work)


def record_needs(db: Database, claim: Claim, needs: Needs) -> bool:
    """Write down which images the job turned out to need. Returns False when the worker has lost the job."""
    columns = needs_columns(needs)
    return db.write(lambda connection: change(connection, claim.job_id, *_owned(claim), **columns) is not None)


def spec_of(db: Database, job_id: str) -> SpecDocument | None:
    """Return the stored spec of any job; None where there is no such job."""
    with db.read() as connection:
        return connection.scalar(select(Job.spec).where(Job.id == job_id))


def log(db: Database, claim: Claim, lines: Sequence[Line], *, keep: int) -> bool:
    """Add lines to the job's log and delete all but the newest `keep`. False when the worker has lost the job."""

    def work(connection: Connection) -> bool:
        if not lock_if(connection, claim.job_id, *_owned(claim)):
            return False
        write_lines(connection, claim.job_id, claim.attempt, lines, keep)
        return True

    return db.write(work)


def best_before(db: Database, job_id: str, epoch: int) -> dict[str, Any]:
    """Return `best_val_accuracy` and `best_epoch` before an epoch (the earliest of equal ones); {} for epoch 1."""
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
    """Finish the job as succeeded, with the last epochs and log lines, the evaluations and the artifacts, atomically.

    Args:
        db: the database.
        claim: the worker's claim of the job.
        epochs: the epochs that are not recorded yet, as for `record_epochs`.
        best: as for `record_epochs`.
        exact: whether a repetition in the same environment would give the same bits.
        evaluations: columns of `Evaluation` except job_id.
        artifacts: columns of `Artifact` except job_id and created_at.
        finished_epochs: number of epochs of the whole run, all of which the database has afterwards.
        lines: log lines that are not written yet, as for `log`.
        keep_lines: most lines of the job's log, as `keep` of `log`.

    Returns:
        False when the worker has lost the job, or the database lacks earlier epochs, see `has_epochs`. True also when
        the call repeats a commit whose answer was lost.
    """

    def work(connection: Connection) -> bool:
        if not _record_epochs(connection, claim, epochs, best, finished_epochs - len(epochs), exact=exact):
            return _ended_as(connection, claim, Outcome.SUCCEEDED)
        now = clock.database_now(connection)
        if claim.attempt > 1:  # an earlier attempt may have run more epochs than this one, which stopped early
            last = select(Job.epoch).where(Job.id == claim.job_id).scalar_subquery()
            connection.execute(delete(Epoch).where(Epoch.job_id == claim.job_id, Epoch.epoch > last))
        insert_rows(connection, Evaluation, evaluations, job_id=claim.job_id)
        insert_rows(connection, Artifact, artifacts, job_id=claim.job_id, created_at=now)
        write_lines(connection, claim.job_id, claim.attempt, lines, keep_lines)
        return _end(connection, claim, Ending(Outcome.SUCCEEDED)) is not None

    return db.write(work)


def end(db: Database, claim: Claim, ending: Ending, *, retry_seconds: float = 0.0) -> JobStatus | None:
    """End the attempt without success: failed, released, cancelled or timed out.

    `retry_seconds` is the first delay between a failed attempt and the next one; see `retry_delay_seconds`.

    Returns:
        The job's new status; None when the worker has lost the job. A call that repeats a commit whose answer was lost
        returns the status too.
    """

    def work(connection: Connection) -> JobStatus | None:
        status = _end(connection, claim, ending, retry_seconds)
        if status is None and _ended_as(connection, claim, ending.outcome):
            return JobStatus(connection.execute(select(Job.status).where(Job.id == claim.job_id)).scalar_one())
        return status

    return db.write(work)


def _owned(claim: Claim) -> tuple[ColumnElement[bool], ...]:
    """Return the guards of a claim: the job is running, as this attempt and on this worker.

    In a database restored to an earlier state, another worker's attempt may have the same number.
    """
    return *owned_by(claim.attempt), Job.worker == claim.worker


def _end(connection: Connection, claim: Claim, ending: Ending, retry_seconds: float = 0.0) -> JobStatus | None:
    ours = Job.worker == claim.worker
    return end_attempt(connection, claim.job_id, claim.attempt, ending, ours, retry_seconds=retry_seconds)


def _ended_as(connection: Connection, claim: Claim, outcome: Outcome) -> bool:
    ours = (Attempt.job_id == claim.job_id, Attempt.attempt == claim.attempt, Attempt.worker == claim.worker)
    return connection.scalar(select(Attempt.outcome).where(*ours)) == outcome
