"""Suggested points: the results that each rests on, and the question that is asked.

A point rests on the results that its sweep has taken in when the point's place is to be filled. They are taken in by
turns (`shared.sweeps.progress.turns`), so it is the same in whatever order jobs end, and whoever was killed. The first
ones are random.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from shared.database.tables import Sweep, SweepPoint, SweepRung
from shared.errors import SweepNotFound
from shared.sweeps.points.estimator import estimator
from shared.sweeps.points.sampling import random_point

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Row

    from shared.database.engine import Database
    from shared.sweeps.points.space import Point
    from shared.sweeps.request import SweepRequest

STARTUP = 10
"""Points that a suggestion rests on at least; with fewer it would say little."""
LEAST_POINTS = 20
"""Points that say something of what matters: the best tenth of them are two."""


def points(db: Database, sweep_id: str, request: SweepRequest, numbers: range) -> list[Point]:
    """Return the points with some numbers, for as many places that are free now: at least the first.

    Those that the sweep has made, and those that rest on nothing, all at once; of suggested ones the first alone.

    Raises:
        SuggestionFailed: Optuna gave none.
    """
    made = _made(db, sweep_id)
    if numbers.start < len(made):
        return [one.params for one in made[numbers.start : numbers.stop]]
    known = [one for one in made if one.rung is not None]
    if len(known) < STARTUP:
        return [random_point(request.space, request.algorithm.seed, number) for number in numbers]
    return [_suggested(request, numbers.start, known)]


def _suggested(request: SweepRequest, number: int, known: Sequence[Row[Any]]) -> Point:
    history = [{"params": one.params, "rung": one.rung, "loss": _finite(one.loss)} for one in known]
    asked = {"seed": request.algorithm.seed, "number": number}
    suggested: Point = estimator.ask({"space": request.document["space"], "history": history} | asked)
    return suggested


def importance(db: Database, sweep_id: str) -> dict[str, float] | None:
    """Return each path's share in what sets the best tenth of a sweep's points apart; None where too few say anything.

    Points are compared at their first rung, which all of them have come to.

    Raises:
        SweepNotFound: no such sweep.
        SuggestionFailed: Optuna gave no answer.
    """
    with db.read() as connection:
        request = connection.scalar(select(Sweep.request).where(Sweep.id == sweep_id))
    if request is None:
        raise SweepNotFound(sweep_id)
    history = _at_first_rung(db, sweep_id)
    if len(history) < LEAST_POINTS or len({one["loss"] for one in history}) == 1:
        return None
    shares: dict[str, float] = estimator.ask({"space": request["space"], "history": history})
    return shares


def _made(db: Database, sweep_id: str) -> Sequence[Row[Any]]:
    """Return the points by their numbers, with how each stands at the highest rung that it has come to."""
    wanted = select(SweepPoint.params, SweepPoint.rung, SweepPoint.loss).where(SweepPoint.sweep_id == sweep_id)
    with db.read() as connection:
        return connection.execute(wanted.order_by(SweepPoint.point)).all()


def _at_first_rung(db: Database, sweep_id: str) -> list[dict[str, Any]]:
    """Return the points that have come to their first rung with a figure, and their losses there."""
    rungs = (SweepRung.sweep_id == SweepPoint.sweep_id) & (SweepRung.point == SweepPoint.point)
    first = select(SweepPoint.params, SweepRung.loss).join(SweepRung, rungs)
    mine = first.where(SweepPoint.sweep_id == sweep_id, SweepRung.rung == 0).order_by(SweepPoint.point)
    with db.read() as connection:
        rows = connection.execute(mine).all()
    return [{"params": row.params, "rung": 0, "loss": row.loss} for row in rows if math.isfinite(row.loss)]


def _finite(loss: float) -> float | None:
    return loss if math.isfinite(loss) else None
