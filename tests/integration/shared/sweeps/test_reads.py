"""Reads of sweeps: a page costs as many queries as one sweep does, and each on it is as it reads by itself."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import event, select, update

from shared.database.engine import Database
from shared.database.tables import Job, Sweep
from shared.jobs import actions
from shared.jobs.actor import EVERYBODY
from shared.jobs.reuse import prefixes
from shared.jobs.running import attempts
from shared.jobs.running.claims import Claim
from shared.jobs.running.retry_policy import Ending
from shared.jobs.status import Outcome
from shared.sweeps import changes, creation, progress, reads
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


def _states(db: Database, sweep_id: str) -> list[str]:
    return [point.status.value for point in reads.trials(db, sweep_id).items]


def test_a_point_is_as_its_jobs_are_until_its_result_is_taken_in(database: Database) -> None:
    """Queued, running, and undecided while a result waits for its turn; what is counted of the sweep agrees."""
    asked: dict[str, Any] = {"algorithm": "tpe", "max_trials": 4, "max_parallel": 3, "asha": ASHA}
    sweep_id = make(database, **asked)
    assert _states(database, sweep_id) == ["queued"] * 3
    claims = [sweeps.next_claim(database, f"host:cpu:{number}") for number in range(2)]
    assert _states(database, sweep_id) == ["running", "running", "queued"]
    sweeps.train(database, claims[1])
    progress.advance(database, sweep_id)
    assert _states(database, sweep_id) == ["running", "undecided", "queued"]
    view = reads.sweep(database, sweep_id)
    assert {name: count for name, count in view.jobs.items() if count} == {"running": 1, "queued": 1, "paused": 1}
    assert (view.points_made, view.points_done) == (3, 0)

    changes.pause(database, sweep_id, actor=EVERYBODY)
    sweeps.train(database, claims[0], pausing=False)
    actions.cancel(database, sweeps.next_claim(database).job_id, actor=EVERYBODY)
    progress.advance(database, sweep_id)
    assert _states(database, sweep_id) == ["succeeded", "undecided", "running"]
    actions.cancel(database, claims[1].job_id, actor=EVERYBODY)
    factories.delete(database, claims[1].job_id)
    assert _states(database, sweep_id)[1] == "undecided"
    view = reads.sweep(database, sweep_id)
    assert (view.points_made, view.points_tried, view.points_done) == (3, 1, 1)

    changes.resume(database, sweep_id, actor=EVERYBODY)
    progress.advance(database, sweep_id)
    assert _states(database, sweep_id)[1] == "failed"


def test_a_point_is_tried_once_it_has_a_value_or_failed(database: Database) -> None:
    """Also while it waits at its first rung, and may go on: with `asha` hardly any point has ended before the sweep."""
    sweep_id = make(database, max_trials=5, max_parallel=2, asha=ASHA)
    assert reads.sweep(database, sweep_id).points_tried == 0
    sweeps.work(database, most=1)
    view = reads.sweep(database, sweep_id)
    assert (view.points_made, view.points_tried, view.points_done) == (3, 1, 0)
    queued = reads.trials(database, sweep_id).items[-1]
    actions.cancel(database, queued.job_ids[0], actor=EVERYBODY)
    progress.advance(database, sweep_id)
    view = reads.sweep(database, sweep_id)
    assert (view.points_tried, view.points_failed) == (2, 1)
    sweeps.work(database)
    assert reads.sweep(database, sweep_id).points_tried == 5


def test_a_point_with_repeats_waits_for_the_last_of_its_jobs(database: Database) -> None:
    """It is queued while one of its jobs is to be made, or to go on, and running while any of them runs."""
    sweep_id = make(database, max_trials=2, max_parallel=1, repeats=2, asha=ASHA)
    claim = sweeps.next_claim(database)
    changes.pause(database, sweep_id, actor=EVERYBODY)
    assert _states(database, sweep_id) == ["running"]
    sweeps.train(database, claim)
    progress.advance(database, sweep_id)
    assert _states(database, sweep_id) == ["queued"]  # its second job is not made
    changes.resume(database, sweep_id, actor=EVERYBODY)
    progress.advance(database, sweep_id)
    while (seen := set(_states(database, sweep_id))) != {"succeeded", "stopped"}:
        assert "undecided" not in seen
        sweeps.work(database, most=1)


@pytest.mark.parametrize("asha", [None, ASHA])
def test_a_point_that_lacks_repeats_ends_with_its_sweep(database: Database, asha: dict[str, int] | None) -> None:
    """One of its jobs has come to a stop and the other was never made: it is stopped, as those that ran are."""
    sweep_id = make(database, max_trials=2, max_parallel=1, repeats=2, asha=asha)
    changes.pause(database, sweep_id, actor=EVERYBODY)
    sweeps.work(database)
    changes.cancel(database, sweep_id, actor=EVERYBODY)
    for _ in range(2):
        progress.advance(database, sweep_id)
    view, [point] = reads.sweep(database, sweep_id), reads.trials(database, sweep_id).items
    assert (view.status.value, view.points_done, view.error) == ("cancelled", 1, None)
    assert (point.status.value, point.value, point.error, point.finished_at is None) == ("stopped", None, None, False)
    assert point.epoch == (1 if asha else 4)
    assert sweeps.decided(database, sweep_id)[-1][0] == "ended"


def test_jobs_that_a_sweep_stopped_are_told_from_cancelled_ones(database: Database) -> None:
    """They are as many as its stopped points; of a failed point whose job somebody cancelled, the job is cancelled."""
    sweep_id = make(database, max_trials=6, asha=ASHA)
    claim = sweeps.next_claim(database)
    actions.cancel(database, claim.job_id, actor=EVERYBODY)
    assert attempts.end(database, claim, Ending(Outcome.CANCELLED))
    progress.advance(database, sweep_id)
    sweeps.work(database)
    _counted_alike(database, sweep_id)
    assert reads.sweep(database, sweep_id).jobs["stopped"] > 0


def test_jobs_that_end_with_their_sweep_are_stopped_by_it(database: Database) -> None:
    """Those that wait, those that are queued and those that run; the totals that are written down say so, too."""
    sweep_id = make(database, max_trials=6, max_parallel=3, asha={"min_epochs": 1, "eta": 3})
    sweeps.work(database, most=2)
    actions.cancel(database, sweeps.next_claim(database).job_id, actor=EVERYBODY)
    running = sweeps.next_claim(database)
    changes.cancel(database, sweep_id, actor=EVERYBODY)
    progress.advance(database, sweep_id)
    assert attempts.end(database, running, Ending(Outcome.CANCELLED))
    with database.read() as connection:
        left = connection.scalars(select(Job.id).where(Job.status == "running")).one()
    assert attempts.end(database, replace(running, job_id=left), Ending(Outcome.CANCELLED))
    for _ in range(2):
        progress.advance(database, sweep_id)
    _counted_alike(database, sweep_id)
    view = reads.sweep(database, sweep_id)
    assert (view.finished_at is None, view.jobs["cancelled"]) == (False, 0)
    database.write(lambda connection: connection.execute(update(Sweep).values(totals=None)))
    assert reads.sweep(database, sweep_id) == view


def _counted_alike(db: Database, sweep_id: str) -> None:
    """Without repeats a point and its job have one status, but that the point of a cancelled job failed."""
    points = Counter(_states(db, sweep_id))
    jobs = Counter(reads.sweep(db, sweep_id).jobs)
    jobs["failed"] += jobs.pop("cancelled")
    assert +points == +jobs
