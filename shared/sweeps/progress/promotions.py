"""Promotions: which waiting point goes on to its next rung, by the rule of `shared.sweeps.halving`, in SQL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import Integer, Select, bindparam, func, select, update

from shared.database.tables import SweepPoint, SweepRung, SweepTrial
from shared.jobs.guarded_write import table_of
from shared.sweeps.progress.step import NO_LOSS
from shared.sweeps.status import PointStatus, TrialState

if TYPE_CHECKING:
    from shared.sweeps.progress.step import Step

_RUNGS = table_of(SweepRung)


class Promotion(NamedTuple):
    """A point that goes on, and the rung at which it waits."""

    point: int
    rung: int


def next_promotion(step: Step) -> Promotion | None:
    """Return the point that goes on next: of the highest rung where one is good enough, the best; None for none.

    At the end the best of a rung is good enough, however few there are.

    Source: `shared.sweeps.halving.promotion`, which a test holds this to.
    """
    if step.request.asha is None:
        return None
    for statement in (_BEST_WAITING, _BEST_LEFT) if step.settled else (_BEST_WAITING,):
        for rung in reversed(range(step.last_rung)):
            where = {"sweep": step.sweep_id, "at": rung, "eta": step.request.asha.eta}
            point: int | None = step.connection.scalar(statement, where)
            if point is not None:
                return Promotion(point, rung)
    return None


def _best_waiting() -> Select[Any]:
    """Return a query for the best waiting one among the best 1/`eta` of all points that have reached a rung."""
    most = select(func.count() // bindparam("eta", type_=Integer())).select_from(_RUNGS).where(*_THERE)
    return _first_waiting(_ORDERED.limit(most.scalar_subquery()))


def _best_left() -> Select[Any]:
    """Return a query for the best of all points that have reached a rung and not failed since, if it waits there."""
    points = table_of(SweepPoint)
    this = (points.c.sweep_id == _RUNGS.c.sweep_id) & (points.c.point == _RUNGS.c.point)
    left = _ORDERED.join(points, this).where(points.c.status != PointStatus.FAILED)
    return _first_waiting(left.limit(1))


def _first_waiting(best: Select[Any]) -> Select[Any]:
    there = best.subquery()
    waiting = select(there.c.point).where(there.c.waiting, there.c.loss < NO_LOSS)
    return waiting.order_by(there.c.loss, there.c.point).limit(1)


_THERE = (_RUNGS.c.sweep_id == bindparam("sweep"), _RUNGS.c.rung == bindparam("at"))
_COLUMNS = (_RUNGS.c.point, _RUNGS.c.loss, _RUNGS.c.waiting)
_ORDERED = select(*_COLUMNS).where(*_THERE).order_by(_RUNGS.c.loss, _RUNGS.c.point)
_BEST_WAITING, _BEST_LEFT = _best_waiting(), _best_left()
"""Built once, as that takes longer than executing them."""


def promote(step: Step, promotion: Promotion) -> None:
    """Note that a point goes on: its paused jobs are due."""
    point, rung = promotion
    this = (_RUNGS.c.sweep_id == step.sweep_id, _RUNGS.c.rung == rung, _RUNGS.c.point == point)
    step.connection.execute(update(_RUNGS).where(*this).values(waiting=False))
    trials, points = table_of(SweepTrial), table_of(SweepPoint)
    waiting = (trials.c.sweep_id == step.sweep_id, trials.c.point == point, trials.c.state == TrialState.WAITING)
    due = update(trials).where(*waiting).values(state=TrialState.DUE, rung=rung + 1, value=None)
    reading = (trials.c.point, trials.c.repeat, trials.c.job_id, trials.c.rung)
    step.due += sorted(step.connection.execute(due.returning(*reading)), key=lambda trial: trial.repeat)
    mine = (points.c.sweep_id == step.sweep_id, points.c.point == point)
    step.connection.execute(update(points).where(*mine).values(status=PointStatus.RUNNING, finished_at=None))
    step.tell("promoted", point=point, rung=rung + 1, epochs=step.rungs[rung + 1])
