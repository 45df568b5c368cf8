"""Suggested points: which results each may rest on, and the question that is asked.

Point n rests on the points before n - `lag` + 1, all of which have come to their first rung or failed by then, and on
nothing else. So it is the same whenever it is asked for, in whatever order jobs end, and whoever was killed. The first
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
from shared.sweeps.request import MOST_TRIALS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlalchemy import Row

    from shared.database.engine import Database
    from shared.sweeps.points.space import Point
    from shared.sweeps.request import SweepRequest

STARTUP = 10
"""Points that a suggestion rests on at least; with fewer it would say little."""
LEAST_POINTS = 20
"""Points that say something of what matters: the best tenth of them are two."""


def lag(request: SweepRequest) -> int:
    """Return how many points may be open at once: a suggestion waits for those before them."""
    return -(-request.max_parallel // request.repeats)


def known(request: SweepRequest, number: int) -> int:
    """Return how many points, from the first on, the point with a number rests on."""
    return max(0, number - lag(request) + 1)


def points(db: Database, sweep_id: str, request: SweepRequest, numbers: range) -> list[Point]:
    """Return points by their numbers, up to the first that rests on results which are still to come.

    Raises:
        SuggestionFailed: Optuna gave none.
    """
    random = [number for number in numbers if known(request, number) < STARTUP]
    found = [random_point(request.space, request.algorithm.seed, number) for number in random]
    rest = numbers[len(random) :]
    if not rest:
        return found
    rows = _standings(db, sweep_id, known(request, rest[-1]))
    history = _history(row for index, row in enumerate(rows) if row.point == index)  # up to one that has not come to it
    ready = [number for number in rest if known(request, number) <= len(history)]
    return found + (_ask(request, ready, history) if ready else [])


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
    rows = [row for row in _standings(db, sweep_id, MOST_TRIALS) if math.isfinite(row.loss)]
    if len(rows) < LEAST_POINTS or len({row.loss for row in rows}) == 1:
        return None
    shares: dict[str, float] = estimator.ask({"space": request["space"], "history": _history(rows)})
    return shares


def _standings(db: Database, sweep_id: str, before: int) -> Sequence[Row[Any]]:
    """Return the points below a number that have come to their first rung, with their losses there."""
    rungs = (SweepRung.sweep_id == SweepPoint.sweep_id) & (SweepRung.point == SweepPoint.point)
    first = select(SweepPoint.point, SweepPoint.params, SweepRung.loss).join(SweepRung, rungs)
    mine = first.where(SweepPoint.sweep_id == sweep_id, SweepRung.rung == 0, SweepPoint.point < before)
    with db.read() as connection:
        return connection.execute(mine.order_by(SweepPoint.point)).all()


def _history(rows: Iterable[Row[Any]]) -> list[dict[str, Any]]:
    return [{"params": row.params, "loss": row.loss if math.isfinite(row.loss) else None} for row in rows]


def _ask(request: SweepRequest, numbers: list[int], history: list[dict[str, Any]]) -> list[Point]:
    asked = {
        "space": request.document["space"],
        "seed": request.algorithm.seed,
        "history": history,
        "asked": [[number, known(request, number)] for number in numbers],
    }
    answer: list[Point] = estimator.ask(asked)
    return answer
