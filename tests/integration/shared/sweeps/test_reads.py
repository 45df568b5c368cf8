"""Reads of sweeps: a page costs as many queries as one sweep does, and each on it is as it reads by itself."""

from __future__ import annotations

from sqlalchemy import event

from shared.database.engine import Database
from shared.jobs.actor import EVERYBODY
from shared.jobs.reuse import prefixes
from shared.jobs.running import attempts
from shared.jobs.running.retry_policy import Ending
from shared.jobs.status import Outcome
from shared.sweeps import creation, reads
from tests.support import factories, sweeps
from tests.support.sweeps import ASHA, make


def _queries(db: Database, limit: int) -> int:
    sent: list[str] = []

    def note(_connection: object, _cursor: object, sql: str, *_: object) -> None:
        sent.append(sql)

    event.listen(db.engine, "before_cursor_execute", note)
    page = reads.sweeps(db, limit=limit)
    event.remove(db.engine, "before_cursor_execute", note)
    assert len(page.items) == limit
    return len([sql for sql in sent if sql.lstrip().startswith("SELECT")])


def test_a_page_of_sweeps_is_read_in_as_many_queries_as_one(database: Database) -> None:
    """Each sweep on it with its own counts, its own best point and that one's jobs; also one without any."""
    made = [make(database, max_trials=3, algorithm={"seed": 1}), make(database, max_trials=5, repeats=2, asha=ASHA)]
    sweeps.work(database)
    made += [creation.create(database, sweeps.checked(), actor=EVERYBODY), make(database, max_trials=2)]
    page = list(reads.sweeps(database).items)
    assert [view.id for view in page] == sorted(made, reverse=True)
    assert page == [reads.sweep(database, view.id) for view in page]
    assert [view.points_made for view in page] == [2, 0, 5, 3]
    assert [view.best is not None for view in page] == [False, False, True, True]
    for view in page[2:]:
        points = list(reads.trials(database, view.id).items)
        furthest = max(point.rung for point in points if point.rung is not None)
        best = max((point for point in points if point.rung == furthest), key=lambda point: point.value or 0.0)
        assert view.best == reads.Best(best.point, best.params, best.value or 0.0, best.job_ids)
    assert _queries(database, 4) == _queries(database, 1) <= 6


def test_epochs_that_another_job_had_trained_are_saved(database: Database) -> None:
    """A trial that goes on from another job's checkpoint trains what is left."""
    donor = factories.running(database)
    assert attempts.record_epochs(database, donor, factories.epoch_rows(1, 2), factories.best())
    attempts.end(database, donor, Ending(Outcome.FAILED, "non_finite_loss"))
    sweep_id = make(database, max_trials=1)
    claim = sweeps.next_claim(database)
    assert prefixes.adopt(database, claim, donor.job_id, 2, 2) == 2
    assert attempts.record_environment(database, claim, {}, engine="reference", exact=True, first_epoch=3)
    sweeps.train(database, claim)
    view = reads.sweep(database, sweep_id)
    assert (view.epochs_trained, view.epochs_saved) == (2, 2)
