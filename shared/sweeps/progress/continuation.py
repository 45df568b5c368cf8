"""Continuation: a job that has come to its rung goes on at once where it is the next to be promoted.

It needs no checkpoint then, no claim and no worker that makes ready for it. The rule is that of every promotion, and so
is the transaction; only that the job still runs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select, update

from shared.database.tables import Job, SweepTrial
from shared.jobs.guarded_write import change, owned_by, table_of
from shared.sweeps.progress.promotions import next_promotion, promote
from shared.sweeps.progress.results import collect
from shared.sweeps.progress.step import locked
from shared.sweeps.progress.turns import OF_ITS_JOB, turn
from shared.sweeps.status import SweepStatus, TrialState

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from shared.database.engine import Database
    from shared.jobs.running.claims import Claim
    from shared.sweeps.progress.step import Step


class _Pauses(Exception):
    """The job is to pause: what was looked at is not written, and is decided when it has paused."""


def next_rung(db: Database, claim: Claim, epoch: int) -> int | None:
    """Return the epoch up to which a job that has done `epoch` epochs goes on at once; None where it is to pause.

    Its epochs are recorded. A call that repeats a commit whose answer was lost returns the same. The job of a point
    with several repeats pauses, as the others do; so does one that may stand in for equal jobs once nothing stops it.

    Raises:
        DatabaseUnavailable: it is not known whether the job may go on.
    """
    try:
        return db.write(lambda connection: _next_rung(connection, claim, epoch))
    except _Pauses:
        return None


def _next_rung(connection: Connection, claim: Claim, epoch: int) -> int:
    step = None if claim.sweep is None else locked(connection, claim.sweep)
    if step is None or step.request.repeats > 1:
        raise _Pauses
    mine = (Job.id == claim.job_id, Job.worker == claim.worker, *owned_by(claim.attempt))
    known = connection.execute(select(Job.pause_after).where(*mine)).one_or_none()
    if known is None:
        raise _Pauses
    if known.pause_after != epoch:  # decided before
        return step.rungs[-1] if known.pause_after is None else known.pause_after
    if step.status != SweepStatus.RUNNING:
        raise _Pauses
    rung = _promoted(step, claim)
    pause_after = step.pause_after(rung)
    if (pause_after is None and claim.reuses) or change(
        connection, claim.job_id, *mine[1:], pause_after=pause_after
    ) is None:
        raise _Pauses
    step.close()
    return step.rungs[rung]


def _promoted(step: Step, claim: Claim) -> int:
    """Promote the job's point, if it is the next one; return its new rung."""
    collect(step, reached=claim.job_id)
    promotion = next_promotion(step)
    if promotion is None:
        raise _Pauses
    promote(step, promotion)
    if claim.job_id not in {trial.job_id for trial in step.due}:
        raise _Pauses
    trials = table_of(SweepTrial)
    this = (trials.c.sweep_id == step.sweep_id, trials.c.point == promotion.point)
    rung = promotion.rung + 1
    live = {"state": TrialState.LIVE, "turn": turn(step, rung, OF_ITS_JOB)}
    step.connection.execute(update(trials).where(*this).values(live))
    return rung
