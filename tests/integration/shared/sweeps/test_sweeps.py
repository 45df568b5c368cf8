"""Sweeps from their first trial to their end, on both databases; the test plays the worker."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select

from shared.database.engine import Database
from shared.database.tables import Job
from shared.errors import IllegalTransition, NotYours, SweepNotFound
from shared.jobs import actions
from shared.jobs.actor import EVERYBODY, Actor
from shared.jobs.batches import only
from shared.jobs.deletion import delete_rows
from shared.jobs.running import attempts
from shared.jobs.running.retry_policy import Ending
from shared.jobs.status import JobStatus, Outcome
from shared.people.scopes import Scope
from shared.sweeps import changes, creation, events, progress, reads
from shared.sweeps.status import PointStatus, SweepStatus
from shared.sweeps.unfinished import unfinished
from tests.support import sweeps
from tests.support.sweeps import ASHA, LR, make

ME = Actor("me", Scope.SUBMIT)


def _points(db: Database, sweep_id: str) -> list[reads.PointView]:
    return list(reads.trials(db, sweep_id, limit=1000).items)


def _jobs(db: Database, sweep_id: str) -> list[Any]:
    with db.read() as connection:
        return list(connection.execute(select(Job.__table__).where(Job.sweep == sweep_id).order_by(Job.number)))


def _kinds(db: Database, sweep_id: str) -> list[str]:
    return [event.kind for event in events.events(db, sweep_id)[0]]


def test_every_point_is_trained_and_the_best_is_known(database: Database) -> None:
    """A sweep without ASHA ends once every point has run to its end."""
    sweep_id = make(database)
    assert reads.sweep(database, sweep_id).jobs[JobStatus.QUEUED] == 2
    assert sweeps.work(database) == 6
    view = reads.sweep(database, sweep_id)
    assert (view.status, view.points_done, view.jobs[JobStatus.SUCCEEDED]) == (SweepStatus.FINISHED, 6, 6)
    assert view.finished_at is not None
    best = max(_points(database, sweep_id), key=lambda point: point.value or 0)
    assert view.best == reads.Best(best.point, best.params, best.value or 0, best.job_ids)
    assert (view.epochs_trained, view.epochs_saved, view.error) == (24, 0, None)
    assert unfinished(database) == []


def test_no_more_jobs_wait_and_run_than_the_sweep_may_have(database: Database) -> None:
    """Whatever ends, there are at most `max_parallel` jobs queued or running."""
    sweep_id = make(database, max_trials=9, max_parallel=3, asha=ASHA)
    while claim := sweeps.claim(database):
        sweeps.train(database, claim)
        progress.advance(database, sweep_id)
        counts = reads.sweep(database, sweep_id).jobs
        assert counts[JobStatus.QUEUED] + counts[JobStatus.RUNNING] <= 3
    assert reads.sweep(database, sweep_id).status == SweepStatus.FINISHED


def test_the_jobs_are_those_that_were_asked_for(database: Database) -> None:
    """A trial is an ordinary job of its owner: named, tagged, with the point's values and its seed."""
    base = sweeps.BASE | {"name": "b", "tags": ["t"], "priority": 3}
    base["training"] = {"epochs": 4, "seed": 5}
    sweep_id = make(database, actor=ME, name="widths", base=base, repeats=2, max_trials=1, max_parallel=8)
    jobs = _jobs(database, sweep_id)
    assert [job.name for job in jobs] == ["widths/0-0", "widths/0-1"]
    assert [job.spec["training"]["seed"] for job in jobs] == [5, 6]
    assert {(job.owner, job.priority, tuple(job.spec["tags"])) for job in jobs} == {("me", 3, ("t",))}
    assert {job.cache for job in jobs} == {"prefer"}
    [point] = _points(database, sweep_id)
    assert {job.spec["training"]["optimizer"]["lr"] for job in jobs} == {point.params[LR]}
    assert list(point.job_ids) == [job.id for job in jobs]


def test_asha_stops_the_worse_ones_at_their_rungs(database: Database) -> None:
    """Points pause at rungs, the best go on to the end, and the others end as cancelled, with a reason."""
    sweep_id = make(database, max_trials=8, asha=ASHA)
    sweeps.work(database)
    view = reads.sweep(database, sweep_id)
    assert view.status == SweepStatus.FINISHED
    assert list(view.rungs) == [1, 2, 4]
    assert view.jobs[JobStatus.SUCCEEDED] >= 1
    assert view.jobs[JobStatus.PAUSED] == 0
    stopped = [job for job in _jobs(database, sweep_id) if job.status == JobStatus.CANCELLED]
    assert stopped
    assert all(job.error_code == "stopped_by_sweep" and job.finished_at for job in stopped)
    assert any("Stopped by its sweep after epoch 1 of 4: " in job.error_detail for job in stopped)
    assert view.epochs_saved == sum(4 - job.epoch for job in stopped)
    done = [point for point in _points(database, sweep_id) if point.status == PointStatus.SUCCEEDED]
    assert view.best is not None
    assert view.best.point in {point.point for point in done}
    assert all(point.epoch == 4 and point.rung == 2 for point in done)


@pytest.mark.parametrize("asked", [{"max_trials": 1}, {"max_trials": 3}, {"max_trials": 5}, {"repeats": 2}])
def test_asha_trains_the_best_to_its_end_however_few_there_are(database: Database, asked: dict[str, Any]) -> None:
    """Fewer points than one in `eta` goes on of: the best one goes on once no more come, and the rest stop."""
    sweep_id = make(database, **({"asha": {"eta": 100}} | asked))
    sweeps.work(database, lambda spec, _: sweeps.by_lr(spec, 1))
    view, points = reads.sweep(database, sweep_id), _points(database, sweep_id)
    best = max(points, key=lambda point: point.value or 0.0)
    assert [point.point for point in points if point.status == PointStatus.SUCCEEDED] == [best.point]
    assert {point.status for point in points if point is not best} <= {PointStatus.STOPPED}
    assert view.best is not None
    assert (view.status, view.best.point, view.best.job_ids) == (SweepStatus.FINISHED, best.point, best.job_ids)
    assert view.jobs[JobStatus.SUCCEEDED] == len(best.job_ids)
    assert sweeps.faults(database, sweep_id) == []


def test_where_the_best_fails_the_next_best_is_trained_to_its_end(database: Database) -> None:
    """Whatever becomes of its job once it has gone on."""
    sweep_id = make(database, max_trials=3, max_parallel=1, asha={"eta": 100})
    for _ in range(3):
        sweeps.train(database, sweeps.next_claim(database))
        progress.advance(database, sweep_id)
    gone_on = sweeps.next_claim(database)
    attempts.end(database, gone_on, Ending(Outcome.FAILED, "non_finite_loss", "The loss is not a number."))
    progress.advance(database, sweep_id)
    assert sweeps.work(database) == 1
    assert sorted(point.status for point in _points(database, sweep_id)) == ["failed", "stopped", "succeeded"]
    assert sweeps.faults(database, sweep_id) == []


def test_a_stopped_job_says_how_many_were_as_good(database: Database) -> None:
    """Equal ones are counted, as the earlier of them goes on; nobody is told that none was."""
    sweep_id = make(database, max_trials=4, max_parallel=1, asha={"eta": 100})
    figures = {"sweep/0": 0.5, "sweep/1": 0.7, "sweep/2": 0.7, "sweep/3": 0.6}
    sweeps.work(database, lambda spec, _: figures[spec["name"]])
    reasons = [job.error_detail for job in _jobs(database, sweep_id)]
    said = "Stopped by its sweep after epoch 1 of 4: {} of 4 there were at least as good."
    assert reasons == [said.format(3), None, said.format(1).replace("were", "was"), said.format(2)]


def test_a_point_is_the_mean_of_its_repeats(database: Database) -> None:
    """The value is the mean, the deviation is told, and rungs compare means."""

    def by_seed(spec: dict[str, Any], epoch: int) -> float:
        seed: int = spec["training"]["seed"]
        return 0.5 + 0.1 * seed + epoch / 100

    sweep_id = make(database, repeats=3, max_trials=2, max_parallel=4)
    assert sweeps.work(database, by_seed) == 6
    first = _points(database, sweep_id)[0]
    assert first.value == pytest.approx(0.64)
    assert first.std == pytest.approx(0.1)
    assert len(first.job_ids) == 3


@pytest.mark.parametrize(
    "objective, value",
    [
        ({"metric": "val_accuracy"}, 0.8),
        ({"metric": "val_accuracy", "at": "last"}, 0.6),
        ({"metric": "val_accuracy", "mode": "min"}, 0.6),
        ({"metric": "val_loss"}, 0.2),
        ({"metric": "val_loss", "at": "last"}, 0.2),
        ({"metric": "train_loss", "mode": "max"}, 0.7),
    ],
)
def test_the_objective_is_what_was_asked_for(sqlite_database: Database, objective: Any, value: float) -> None:
    """Of the best epoch or the last one, more or less being better."""
    sweep_id = make(sqlite_database, objective=objective, max_trials=1)
    sweeps.work(sqlite_database, lambda _, epoch: {1: 0.7, 2: 0.8, 3: 0.7, 4: 0.6}[epoch])
    assert _points(sqlite_database, sweep_id)[0].value == pytest.approx(value)


def test_a_failed_job_is_a_failed_point(database: Database) -> None:
    """The point says why, and the sweep goes on."""
    sweep_id = make(database, max_trials=3, max_parallel=1, asha=ASHA)
    claim = sweeps.claim(database)
    assert claim
    attempts.end(database, claim, Ending(Outcome.FAILED, "non_finite_loss", "The loss is not a number."))
    progress.advance(database, sweep_id)
    sweeps.work(database)
    points = _points(database, sweep_id)
    assert points[0].status == PointStatus.FAILED
    assert points[0].value is None
    assert "The loss is not a number." in (points[0].error or "")
    view = reads.sweep(database, sweep_id)
    assert (view.status, view.error, view.points_failed) == (SweepStatus.FINISHED, points[0].error, 1)
    assert [point.point for point in reads.trials(database, sweep_id, sort="value").items][-1] == 0


@pytest.mark.parametrize("deleted", [False, True])
def test_what_somebody_else_ends_is_a_failed_point(database: Database, *, deleted: bool) -> None:
    """A job of a sweep that is cancelled, and perhaps deleted, by its id costs its point alone."""
    sweep_id = make(database, max_trials=3, max_parallel=1)
    [job] = _jobs(database, sweep_id)
    actions.cancel(database, job.id, actor=EVERYBODY)
    if deleted:
        only(delete_rows(database, [job.id], actor=EVERYBODY))
    progress.advance(database, sweep_id)
    assert sweeps.work(database) == 2
    assert [point.status for point in _points(database, sweep_id)] == ["failed", "succeeded", "succeeded"]
    assert reads.sweep(database, sweep_id).status == SweepStatus.FINISHED


@pytest.mark.parametrize("deleted", [False, True])
def test_a_paused_job_that_somebody_else_ends_is_not_gone_on_with(database: Database, *, deleted: bool) -> None:
    """A promotion that falls to such a point makes it a failed one, and the next best goes on."""
    sweep_id = make(database, max_trials=4, max_parallel=1, asha=ASHA)
    sweeps.train(database, sweeps.next_claim(database))
    best = _jobs(database, sweep_id)[0].id
    actions.cancel(database, best, actor=EVERYBODY)
    if deleted:
        only(delete_rows(database, [best], actor=EVERYBODY))
    progress.advance(database, sweep_id)
    sweeps.work(database)
    assert _points(database, sweep_id)[0].status == PointStatus.FAILED
    view = reads.sweep(database, sweep_id)
    assert view.status == SweepStatus.FINISHED
    assert view.jobs[JobStatus.PAUSED] == 0


def test_a_worker_of_the_release_before_trains_to_the_end(database: Database) -> None:
    """It knows of no pause; its point has then come to the last rung."""
    sweep_id = make(database, max_trials=2, max_parallel=1, asha=ASHA)
    sweeps.train(database, sweeps.next_claim(database), pausing=False)
    progress.advance(database, sweep_id)
    sweeps.work(database)
    assert (_points(database, sweep_id)[0].status, _points(database, sweep_id)[0].rung) == ("succeeded", 2)
    assert reads.sweep(database, sweep_id).status == SweepStatus.FINISHED


def test_a_paused_sweep_takes_results_and_starts_nothing(database: Database) -> None:
    """Not even a promotion that is due; resumed, it goes on to its end."""
    sweep_id = make(database, max_trials=4, asha=ASHA)
    changes.pause(database, sweep_id, actor=EVERYBODY)
    changes.pause(database, sweep_id, actor=EVERYBODY)
    assert sweeps.work(database) == 2
    view = reads.sweep(database, sweep_id)
    assert (view.status, view.points_made, view.jobs[JobStatus.PAUSED]) == (SweepStatus.PAUSED, 2, 2)
    assert progress.advance(database, sweep_id) == []
    changes.resume(database, sweep_id, actor=EVERYBODY)
    assert progress.advance(database, sweep_id)
    sweeps.work(database)
    assert reads.sweep(database, sweep_id).status == SweepStatus.FINISHED
    assert _kinds(database, sweep_id).count("status") == 4


def test_a_cancelled_sweep_cancels_its_jobs(database: Database) -> None:
    """Queued and paused ones at once, a running one by its flag; it has ended once that has stopped."""
    sweep_id = make(database, max_trials=9, max_parallel=3, asha=ASHA)
    sweeps.train(database, sweeps.next_claim(database))
    running = sweeps.claim(database)
    assert running
    changes.cancel(database, sweep_id, actor=EVERYBODY)
    assert progress.advance(database, sweep_id) == []
    view = reads.sweep(database, sweep_id)
    assert (view.status, view.finished_at) == (SweepStatus.CANCELLED, None)
    assert view.jobs[JobStatus.RUNNING] == 1
    assert view.jobs[JobStatus.QUEUED] == view.jobs[JobStatus.PAUSED] == 0
    with pytest.raises(IllegalTransition, match="still being cancelled"):
        changes.delete(database, sweep_id, actor=EVERYBODY)
    attempts.end(database, running, Ending(Outcome.CANCELLED))
    progress.advance(database, sweep_id)
    view = reads.sweep(database, sweep_id)
    assert (view.finished_at is not None, view.error) == (True, None)
    assert {(point.status, point.error) for point in _points(database, sweep_id)} == {(PointStatus.STOPPED, None)}
    with pytest.raises(IllegalTransition):
        changes.resume(database, sweep_id, actor=EVERYBODY)
    changes.delete(database, sweep_id, actor=EVERYBODY)
    with pytest.raises(SweepNotFound):
        reads.sweep(database, sweep_id)
    assert len(_jobs(database, sweep_id)) == 3


def test_another_owner_may_not_change_a_sweep(database: Database) -> None:
    """Neither pause nor cancel nor delete it, unless its scope is admin."""
    sweep_id = make(database, actor=ME)
    for change in (changes.pause, changes.resume, changes.cancel, changes.delete):
        with pytest.raises(NotYours, match="Sweep"):
            change(database, sweep_id, actor=Actor("you", Scope.SUBMIT))
    changes.pause(database, sweep_id, actor=Actor("root", Scope.ADMIN))


def test_the_quota_bounds_a_sweep_and_never_fails_it(database: Database) -> None:
    """While its owner has enough jobs queued the sweep waits, and takes what room there is."""
    actor = Actor("me", Scope.SUBMIT, most_queued=2)
    sweep_id = make(database, actor=actor, max_trials=5, max_parallel=4)
    assert reads.sweep(database, sweep_id).points_made == 2
    sweeps.claim(database)
    progress.advance(database, sweep_id)
    assert reads.sweep(database, sweep_id).points_made == 3
    sweeps.work(database)
    assert reads.sweep(database, sweep_id).points_made == 5


@pytest.mark.parametrize("most", [450, 1])
def test_a_point_that_cannot_be_trained_fails_with_the_reason(database: Database, most: int) -> None:
    """Where values do not go together, the point has no job, and the sweep goes on and ends."""
    space = {"training.batch_size": {"kind": "int", "low": 2, "high": 900}}
    checked = sweeps.checked(space=space, max_trials=12, max_parallel=3, repeats=2)
    caps = replace(checked.caps, max_batch_size=most)
    sweep_id = creation.create(database, replace(checked, caps=caps), actor=EVERYBODY)
    progress.advance(database, sweep_id)
    sweeps.work(database)
    points = _points(database, sweep_id)
    view = reads.sweep(database, sweep_id)
    failed = sum(point.status == PointStatus.FAILED for point in points)
    assert (view.status, view.points_failed, view.jobs["failed"]) == (SweepStatus.FINISHED, failed, 0)
    assert len(points) == 12
    for point in points:
        refused = point.params["training.batch_size"] > most
        assert (point.status == PointStatus.FAILED) == refused
        assert not refused or "batch_size must be from 1 to" in (point.error or "")
        assert len(point.job_ids) == (0 if refused else 2)


def test_the_same_seed_gives_the_same_trials(database: Database) -> None:
    """Whatever the number of jobs at once."""
    one, two = make(database, max_parallel=1, algorithm={"seed": 3}), make(database, algorithm={"seed": 3})
    sweeps.work(database)
    assert [p.params for p in _points(database, one)] == [p.params for p in _points(database, two)]


def test_a_grid_is_walked_through(database: Database) -> None:
    """Each of its points once, in order."""
    space = {LR: {"kind": "values", "values": [0.1, 0.2]}, "training.batch_size": {"kind": "choice", "values": [8, 16]}}
    sweep_id = make(database, space=space, algorithm={"kind": "grid"})
    sweeps.work(database)
    values = [(p.params[LR], p.params["training.batch_size"]) for p in _points(database, sweep_id)]
    assert values == [(0.1, 8), (0.1, 16), (0.2, 8), (0.2, 16)]


def test_events_tell_the_whole_story(database: Database) -> None:
    """What was made, promoted and ended, numbered without gaps; after the last one nothing follows."""
    sweep_id = make(database, max_trials=4, asha=ASHA)
    sweeps.work(database)
    told, position = events.events(database, sweep_id)
    assert [event.seq for event in told] == list(range(1, len(told) + 1))
    assert position == events.Position(len(told), finished=True)
    assert {event.kind for event in told} == {"status", "trial", "promoted", "ended"}
    assert told[-1].data["status"] == SweepStatus.FINISHED
    assert events.events(database, sweep_id, after=len(told))[0] == []
    with pytest.raises(SweepNotFound):
        events.events(database, "none")


def test_a_preview_makes_nothing(sqlite_database: Database) -> None:
    """It shows the first points as the sweep would make them, and what they would cost."""
    checked = sweeps.checked(repeats=2, asha=ASHA)
    preview = creation.preview(checked)
    assert (preview.points, preview.jobs, preview.epochs, list(preview.rungs)) == (6, 12, 48, [1, 2, 4])
    assert preview.parameters == (6146, 6146)
    sweep_id = make(sqlite_database, repeats=2, asha=ASHA, max_parallel=12)
    assert [point.params for point in _points(sqlite_database, sweep_id)] == list(preview.first_points)


def test_what_remains_is_known_after_a_crash_before_the_tickets(database: Database) -> None:
    """A sweep that was made and never advanced is among those that the reconciler comes to."""
    sweep_id = creation.create(database, sweeps.checked(), actor=EVERYBODY)
    assert unfinished(database) == [sweep_id]
    assert len(progress.advance(database, sweep_id)) == 2
    assert progress.advance(database, sweep_id) == []
