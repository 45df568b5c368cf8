"""Reads of sweeps: a page costs as many queries as one sweep does, and each on it is as it reads by itself."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import event, update

from shared.database.engine import Database
from shared.database.tables import Sweep
from shared.jobs.actor import EVERYBODY
from shared.jobs.reuse import prefixes
from shared.jobs.running import attempts
from shared.jobs.running.claims import Claim
from shared.jobs.running.retry_policy import Ending
from shared.jobs.status import Outcome
from shared.sweeps import creation, progress, reads
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


def _adopting(db: Database, donated: int) -> tuple[str, Claim]:
    """A sweep of one point with ASHA, whose job has just gone on from another one's checkpoint of so many epochs."""
    donor = factories.running(db)
    assert attempts.record_epochs(db, donor, factories.epoch_rows(1, donated), factories.best())
    attempts.end(db, donor, Ending(Outcome.FAILED, "non_finite_loss"))
    sweep_id = make(db, max_trials=1, asha={"min_epochs": 2})
    claim = sweeps.next_claim(db)
    assert prefixes.adopt(db, claim, donor.job_id, donated, donated) == donated
    _begin(db, claim, donated + 1)
    return sweep_id, claim


def _begin(db: Database, claim: Claim, first_epoch: int, *, from_checkpoint: bool = True) -> None:
    where: dict[str, Any] = {"first_epoch": first_epoch, "from_checkpoint": from_checkpoint}
    assert attempts.record_environment(db, claim, {}, engine="reference", exact=True, **where)


def _epochs(db: Database, sweep_id: str) -> tuple[int, int]:
    view = reads.sweep(db, sweep_id)
    return view.epochs_trained, view.epochs_saved


def test_epochs_that_another_job_had_trained_are_saved(database: Database) -> None:
    """A trial that goes on from another job's checkpoint trains what is left."""
    sweep_id, claim = _adopting(database, 1)
    assert _epochs(database, sweep_id) == (0, 1)
    sweeps.train(database, claim, pausing=False)
    assert _epochs(database, sweep_id) == (3, 1)


@pytest.mark.parametrize("from_checkpoint, expected", [(True, (2, 2)), (False, (4, 0))])
def test_adopted_epochs_stay_saved_when_a_rung_is_gone_on_from(
    database: Database, from_checkpoint: bool, expected: tuple[int, int]
) -> None:
    """The next attempt validates the rung's epoch again and trains nothing of it; without the checkpoint it does."""
    sweep_id, claim = _adopting(database, 2)
    sweeps.train(database, claim)
    progress.advance(database, sweep_id)
    again = sweeps.next_claim(database)
    _begin(database, again, 2 if from_checkpoint else 1, from_checkpoint=from_checkpoint)
    assert _epochs(database, sweep_id) == ((0, 1) if from_checkpoint else (0, 0))
    sweeps.train(database, again)
    assert _epochs(database, sweep_id) == expected


def test_a_sweep_that_has_ended_stays_as_it_was_when_jobs_are_deleted(database: Database) -> None:
    """Its counts and epochs were written down at its end; of its best point it says which jobs are gone."""
    sweep_id = make(database, max_trials=3, repeats=2, asha=ASHA)
    sweeps.work(database)
    before, points = reads.sweep(database, sweep_id), reads.trials(database, sweep_id).items
    assert before.best is not None
    assert (before.epochs_trained + before.epochs_saved, before.best.deleted) == (3 * 2 * 4, ())
    gone = before.best.job_ids[1]
    factories.delete(database, gone)
    assert reads.sweep(database, sweep_id) == replace(before, best=replace(before.best, deleted=(gone,)))
    for job_id in {job_id for point in points for job_id in point.job_ids} - {gone}:
        factories.delete(database, job_id)
    best = replace(before.best, deleted=before.best.job_ids)
    assert reads.sweep(database, sweep_id) == replace(before, best=best)
    assert list(reads.sweeps(database).items) == [replace(before, best=best)]
    assert reads.trials(database, sweep_id).items == [replace(one, deleted=one.job_ids) for one in points]


def test_a_sweep_that_the_release_before_ended_is_summed_up(database: Database) -> None:
    """Over the jobs that are there, as it wrote nothing down."""
    sweep_id = make(database, max_trials=2)
    sweeps.work(database)
    before = reads.sweep(database, sweep_id)
    database.write(lambda connection: connection.execute(update(Sweep).values(totals=None)))
    assert reads.sweep(database, sweep_id) == before
    assert before.best is not None
    factories.delete(database, before.best.job_ids[0])
    assert (reads.sweep(database, sweep_id).epochs_trained, before.epochs_trained) == (4, 8)
