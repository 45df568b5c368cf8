"""The decision in SQL is the rule of `shared.sweeps.halving`."""

from __future__ import annotations

import datetime as dt
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, insert

from shared.database.engine import Database
from shared.database.tables import SweepPoint, SweepRung
from shared.jobs.actor import EVERYBODY
from shared.sweeps import creation
from shared.sweeps.halving import Halving, Standing, promotion
from shared.sweeps.progress.promotions import next_promotion
from shared.sweeps.progress.step import NO_LOSS, locked
from shared.sweeps.status import PointStatus
from tests.support import sweeps

EPOCHS = 16
VALUES = st.none() | st.sampled_from([0.1, 0.2, 0.3, 0.5, 1 / 3, 0.9])


@st.composite
def standings(draw: st.DrawFn) -> tuple[int, list[Standing], dict[int, int]]:
    """Points at rungs, some of which wait there; a point that failed at a rung has no value there."""
    eta = draw(st.integers(2, 5))
    last = len(Halving(1, eta).rungs(EPOCHS)) - 1
    found, waiting = [], {}
    for number in draw(st.lists(st.integers(0, 40), unique=True, max_size=25)):
        rung = draw(st.integers(0, last))
        values = [draw(VALUES.filter(lambda value: value is not None)) for _ in range(rung)] + [draw(VALUES)]
        found.append(Standing(number, rung, values))
        if rung < last and values[-1] is not None and draw(st.booleans()):
            waiting[number] = rung
    return eta, found, waiting


def _point(sweep_id: str, one: Standing, waiting: dict[int, int]) -> dict[str, Any]:
    """The row of a point: one that has no value at its rung has failed on its way to it."""
    paused = PointStatus.PAUSED if one.number in waiting else PointStatus.RUNNING
    status = PointStatus.FAILED if one.values[one.rung] is None else paused
    row = {"sweep_id": sweep_id, "point": one.number, "params": {}, "status": status, "loss": 0.0}
    return row | {"created_at": dt.datetime(2026, 1, 1, tzinfo=dt.UTC)}


def test_sql_decides_as_the_rule_does(database: Database) -> None:
    """Whatever stands where, while points come and at the end: the same point is promoted, or none."""
    made: dict[int, str] = {}
    for eta in range(2, 6):
        base = sweeps.BASE | {"training": {"epochs": EPOCHS}}
        checked = sweeps.checked(base=base, asha={"min_epochs": 1, "eta": eta})
        made[eta] = creation.create(database, checked, actor=EVERYBODY)

    @settings(max_examples=120, deadline=None)
    @given(standings(), st.booleans())
    def holds(case: tuple[int, list[Standing], dict[int, int]], settled: bool) -> None:
        eta, found, waiting = case
        rows = [
            {
                "sweep_id": made[eta],
                "rung": rung,
                "point": one.number,
                "loss": NO_LOSS if (value := one.values[rung]) is None else -value,
                "waiting": waiting.get(one.number) == rung,
            }
            for one in found
            for rung in range(one.rung + 1)
        ]
        expected = promotion(Halving(1, eta), EPOCHS, found, waiting, settled=settled)

        def decide(connection: Any) -> int | None:
            connection.execute(delete(SweepRung))
            connection.execute(delete(SweepPoint))
            if rows:
                connection.execute(insert(SweepRung), rows)
                connection.execute(insert(SweepPoint), [_point(made[eta], one, waiting) for one in found])
            step = locked(connection, made[eta])
            assert step is not None
            step.next_trial = step.points if settled else 0
            decided = next_promotion(step)
            return None if decided is None else decided.point

        assert database.write(decide) == expected

    holds()
