"""Stops: jobs that are still paused when their sweep has ended, and all of them when it is cancelled."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select, text, tuple_, update

from shared.database import clock
from shared.database.tables import Job, SweepPoint, SweepRung, SweepTrial
from shared.database.tables.sweeps import OPEN
from shared.jobs.actor import EVERYBODY
from shared.jobs.batches import PART, cancel_part
from shared.jobs.guarded_write import add_status_event, advance, table_of
from shared.jobs.status import JobStatus
from shared.sweeps.progress import results
from shared.sweeps.progress.results import End
from shared.sweeps.progress.step import NO_LOSS
from shared.sweeps.status import STOPPED, PointStatus, SweepStatus, TrialState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Row, Select

    from shared.sweeps.progress.step import Step

_TRIALS = table_of(SweepTrial)


def stop_waiting(step: Step) -> None:
    """End some of the jobs that wait at a rung; once there are none, the sweep has ended."""
    waiting = _waiting(step)
    reasons = _reasons(step, waiting)
    for row in waiting:
        _stop(step, row, reasons[row.point])
    step.changed = step.changed or bool(waiting)
    if len(waiting) == PART:
        step.more = True
    else:
        _end(step)


def cancel_open(step: Step) -> None:
    """Cancel the jobs that run, and some of those that wait; once there are none, nothing of the sweep remains.

    Those that are queued or paused have ended then, which another step takes in.
    """
    mine = (_TRIALS.c.sweep_id == step.sweep_id, text(OPEN))
    running = step.connection.scalars(select(_TRIALS.c.job_id).where(*mine)).all()
    ended = False
    for first in range(0, len(running), PART):
        outcomes = cancel_part(step.connection, running[first : first + PART], EVERYBODY)
        ended = ended or "cancelled" in outcomes.values()
    waiting = _waiting(step)
    for row in waiting:
        _stop(step, row, results.CANCELLED_WITH_SWEEP)
    step.changed = step.changed or bool(waiting)
    step.more = ended or len(waiting) == PART
    if not running and not step.more:
        _stop_incomplete(step)
        _end(step)


def _stop_incomplete(step: Step) -> None:
    """Note the end of points of which no job runs or waits, and some were never made."""
    points = table_of(SweepPoint)
    mine = (points.c.sweep_id == step.sweep_id, points.c.status == PointStatus.RUNNING)
    this = (_TRIALS.c.sweep_id == points.c.sweep_id) & (_TRIALS.c.point == points.c.point)
    made = points.join(_TRIALS, this).outerjoin(table_of(Job), Job.id == _TRIALS.c.job_id)
    epochs = select(points.c.point, func.coalesce(func.max(Job.epoch), 0)).select_from(made).where(*mine)
    left = {row[0]: row[1] for row in step.connection.execute(epochs.group_by(points.c.point))}
    results.settle(step, dict.fromkeys(left, results.CANCELLED_WITH_SWEEP), left)


def _end(step: Step) -> None:
    step.finished = step.changed = True
    if step.status == SweepStatus.RUNNING:
        step.become(SweepStatus.FINISHED)


def _waiting(step: Step) -> Sequence[Row[Any]]:
    columns = (_TRIALS.c.point, _TRIALS.c.repeat, _TRIALS.c.job_id, _TRIALS.c.rung, _TRIALS.c.value)
    mine = (_TRIALS.c.sweep_id == step.sweep_id, _TRIALS.c.state == TrialState.WAITING)
    wanted: Select[Any] = select(*columns).where(*mine).order_by(_TRIALS.c.point, _TRIALS.c.repeat)
    return step.connection.execute(wanted.limit(PART)).all()


def _reasons(step: Step, trials: Sequence[Row[Any]]) -> dict[int, str]:
    """Return for each point why its jobs go no further than their rung."""
    if not trials:
        return {}
    rungs = table_of(SweepRung)
    as_good = func.count().over(partition_by=rungs.c.rung, order_by=rungs.c.loss)  # equal ones and itself included
    there = func.count().over(partition_by=rungs.c.rung)
    ranked = select(rungs.c.rung, rungs.c.point, as_good.label("as_good"), there.label("there"))
    ranks = ranked.where(rungs.c.sweep_id == step.sweep_id).subquery()
    mine = tuple_(ranks.c.rung, ranks.c.point).in_([(trial.rung, trial.point) for trial in trials])
    rows = step.connection.execute(select(ranks).where(mine))
    return {row.point: _reason(step, row) for row in rows}


def _reason(step: Step, row: Row[Any]) -> str:
    others, verb = row.as_good - 1, "was" if row.as_good == 2 else "were"
    where = f"after epoch {step.rungs[row.rung]} of {step.rungs[-1]}"
    return f"Stopped by its sweep {where}: {others} of {row.there} there {verb} at least as good."


def _stop(step: Step, trial: Row[Any], reason: str) -> None:
    """End a paused job as cancelled; its figures stay, and its checkpoint goes as that of any job that has ended."""
    now = clock.database_now(step.connection)
    job = advance(
        step.connection,
        trial.job_id,
        Job.status == JobStatus.PAUSED,
        status=JobStatus.CANCELLED,
        finished_at=now,
        checkpoint=None,
        not_before=None,
        error_code=STOPPED,
        error_detail=reason,
    )
    if job is None:
        error = f"Its job {trial.job_id} was cancelled or deleted while it was paused."
        results.write_ends(step, [(trial, End(TrialState.ENDED, trial.rung, error), None)])
        _write_point(step, trial.point, status=PointStatus.FAILED, error=error, value=None, std=None, loss=NO_LOSS)
        return
    add_status_event(step.connection, job, JobStatus.CANCELLED, error={"code": STOPPED, "detail": reason})
    results.write_ends(step, [(trial, End(TrialState.ENDED, trial.rung), trial.value)])
    _write_point(step, trial.point, PointStatus.PAUSED, status=PointStatus.STOPPED)


def _write_point(step: Step, point: int, *before: PointStatus, **values: object) -> None:
    """Change a point whose status is one of `before`, or whatever it is where none are given."""
    points = table_of(SweepPoint)
    mine = [points.c.sweep_id == step.sweep_id, points.c.point == point]
    if before:
        mine.append(points.c.status.in_(before))
    ended = {"finished_at": clock.database_now(step.connection), **values}
    step.connection.execute(update(points).where(*mine).values(ended))
