"""Which points of a sweep stand first, page by page, and what stays of them when it is cancelled."""

from __future__ import annotations

import pytest

from shared.database.engine import Database
from shared.jobs import actions
from shared.jobs.actor import EVERYBODY, Actor
from shared.people.scopes import Scope
from shared.sweeps import changes, progress, reads
from shared.sweeps.status import PointStatus, SweepStatus
from tests.support import sweeps
from tests.support.sweeps import ASHA, make

ME = Actor("me", Scope.SUBMIT)


def _points(db: Database, sweep_id: str) -> list[reads.PointView]:
    return list(reads.trials(db, sweep_id, limit=1000).items)


def _all_points(db: Database, sweep_id: str, sort: reads.Sort) -> list[reads.PointView]:
    """Every point, in pages of two."""
    found: list[reads.PointView] = []
    cursor: str | None = None
    while True:
        page = reads.trials(db, sweep_id, sort=sort, cursor=cursor, limit=2)
        found += page.items
        if page.next_cursor is None:
            return found
        cursor = page.next_cursor


def test_pages_of_points_have_each_of_them_once(database: Database) -> None:
    """By value, the best first and those without a value last, and by number."""
    sweep_id = make(database, max_trials=7)
    sweeps.work(database, most=3)
    by_value = _all_points(database, sweep_id, "value")
    assert sorted(point.point for point in by_value) == list(range(5))
    values = [point.value for point in by_value[:3]]
    assert None not in values
    assert values == sorted(values, key=lambda value: -(value or 0))
    assert [point.value for point in by_value[3:]] == [None, None]
    assert [point.point for point in _all_points(database, sweep_id, "number")] == list(range(5))


def test_a_point_that_has_come_further_stands_first(database: Database) -> None:
    """By value: an early figure is never held against a late one, though it be better, and the best stands on top."""
    sweep_id = make(database, max_trials=9, asha=ASHA, objective={"metric": "val_accuracy", "at": "last"})
    sweeps.work(database, lambda spec, epoch: sweeps.by_lr(spec, 1) - epoch / 10)  # the longer, the worse
    points = _all_points(database, sweep_id, "value")
    assert len(points) == 9
    standing = [(-(point.rung or 0), -(point.value or 0), point.point) for point in points]
    assert standing == sorted(standing)
    best = reads.sweep(database, sweep_id).best
    assert best is not None
    assert points[0].point == best.point
    assert best.value < max(point.value or 0 for point in points)


def test_pages_of_sweeps(database: Database) -> None:
    """The newest first, of an owner or a status alone."""
    ids = [make(database, actor=ME), make(database), make(database, actor=ME)]
    changes.pause(database, ids[0], actor=ME)
    first = reads.sweeps(database, limit=2)
    assert [one.id for one in first.items] == [ids[2], ids[1]]
    assert [one.id for one in reads.sweeps(database, limit=2, cursor=first.next_cursor).items] == [ids[0]]
    assert [one.id for one in reads.sweeps(database, owner="me").items] == [ids[2], ids[0]]
    assert [one.id for one in reads.sweeps(database, status=SweepStatus.PAUSED).items] == [ids[0]]


@pytest.mark.parametrize("algorithm", ["random", "tpe"])
def test_a_cancelled_sweep_keeps_what_its_points_had_reached(database: Database, algorithm: str) -> None:
    """The best one, too, which was on its way to the next rung: its value and its rung stay, and it stays the best."""
    sweep_id = make(database, max_trials=9, max_parallel=1, asha=ASHA, algorithm=algorithm)
    while not (on_its_way := [one for one in _points(database, sweep_id) if one.status == "queued" and one.reached]):
        sweeps.work(database, most=1)
    before, [best] = reads.sweep(database, sweep_id).best, on_its_way
    assert before is not None
    assert before.point == best.point
    changes.cancel(database, sweep_id, actor=EVERYBODY)
    progress.advance(database, sweep_id)
    after = _points(database, sweep_id)[best.point]
    assert after.status == PointStatus.STOPPED
    kept = ("value", "std", "rung", "epoch", "reached")
    assert [getattr(after, name) for name in kept] == [getattr(best, name) for name in kept]
    assert reads.sweep(database, sweep_id).best == before


def test_a_failed_point_is_not_the_best(database: Database) -> None:
    """Its paused job was cancelled by somebody, and the sweep after it: it has no value, as any point that failed."""
    sweep_id = make(database, max_trials=4, max_parallel=1, asha={"min_epochs": 1, "eta": 4})
    sweeps.work(database, most=3)
    changes.pause(database, sweep_id, actor=EVERYBODY)
    best = reads.sweep(database, sweep_id).best
    assert best is not None
    actions.cancel(database, best.job_ids[0], actor=EVERYBODY)
    changes.cancel(database, sweep_id, actor=EVERYBODY)
    progress.advance(database, sweep_id)
    view, failed = reads.sweep(database, sweep_id), _points(database, sweep_id)[best.point]
    assert (failed.status, failed.value) == (PointStatus.FAILED, None)
    assert view.best is not None
    assert view.best.point != best.point
    assert _all_points(database, sweep_id, "value")[-1].value is None
