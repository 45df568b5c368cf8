"""Many who decide at once, and some who are killed over it: every decision is made once, and none is lost."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import pytest

from shared.database.engine import Database
from shared.delivery.sweeps import SweepKeeper, advance
from shared.errors import SuggestionFailed
from shared.jobs import actions
from shared.jobs.actor import EVERYBODY, Actor
from shared.jobs.status import JobStatus
from shared.people.scopes import Scope
from shared.sweeps import changes, creation, events, progress, reads
from shared.sweeps.status import SweepStatus
from shared.sweeps.unfinished import unfinished
from tests.chaos.sweeps import search
from tests.support import factories, sweeps
from tests.support.concurrency import together
from tests.support.fakes import FakeBroker, FlakyDatabase
from tests.support.sweeps import ASHA, make


def _require_each_decision_once(db: Database, sweep_id: str) -> None:
    """No trial has two jobs and no job two trials; a point is made, promoted from a rung, and ended there once."""
    assert sweeps.faults(db, sweep_id) == []


@pytest.mark.timeout(240)
@pytest.mark.parametrize(
    "trials, kills, eta, algorithm", [(30, 6, 2, "random"), (10, 3, 50, "random"), (30, 6, 2, "tpe")]
)
def test_six_processes_decide_each_thing_once_whoever_is_killed(
    database: Database, trials: int, kills: int, eta: int, algorithm: str
) -> None:
    """They work and decide at once, and are killed anywhere; the points are those of the seed, the end is told once.

    With `tpe` all that is decided, in its order, is that of a search in which nobody is killed.
    """
    result = search(database, trials, kills, seed=7, eta=eta, algorithm=algorithm)
    assert result.violations == []
    assert result.kills > 0  # a fast machine has searched before the last are due
    assert result.decisions > 2 * trials


def test_threads_that_advance_at_once_make_each_trial_once(database: Database) -> None:
    """A result is taken in once, and a slot is filled once."""
    sweep_id = make(database, max_trials=12, max_parallel=4, asha=ASHA)
    while claim := sweeps.claim(database):
        sweeps.train(database, claim)
        together(*[lambda: progress.advance(database, sweep_id)] * 6)
    assert reads.sweep(database, sweep_id).status == SweepStatus.FINISHED
    _require_each_decision_once(database, sweep_id)


def test_each_step_has_its_tickets_at_once(
    sqlite_database: Database, fake_broker: FakeBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody waits for the steps after it: nor are the tickets of the first ones lost where a later one fails."""
    sweep_id = creation.create(sqlite_database, sweeps.checked(max_parallel=3), actor=EVERYBODY)
    made: Callable[[Database, str], Iterator[list[str]]] = progress.steps

    def failing(db: Database, wanted: str) -> Iterator[list[str]]:
        yield next(made(db, wanted))
        raise SuggestionFailed("nobody is there")

    with monkeypatch.context() as patch:
        patch.setattr(progress, "steps", failing)
        advance(sqlite_database, fake_broker, sweep_id)
    assert len(fake_broker.messages) == len(reads.trials(sqlite_database, sweep_id).items) == 1


def test_who_waits_for_an_answer_makes_some_jobs_and_the_keeper_the_rest(
    database: Database, fake_broker: FakeBroker
) -> None:
    """A request ends in time, however many jobs its sweep is to have."""
    sweep_id = creation.create(database, sweeps.checked(max_parallel=4), actor=EVERYBODY)
    assert advance(database, fake_broker, sweep_id, seconds=0) == 1
    assert SweepKeeper(database, fake_broker).run_once() == 3
    assert reads.sweep(database, sweep_id).points_made == 4


def test_a_worker_killed_between_pause_and_decision_costs_nothing(database: Database, fake_broker: FakeBroker) -> None:
    """The keeper of another process takes in the result, and sends the tickets."""
    sweep_id = make(database, max_trials=4, max_parallel=1, asha=ASHA)
    keeper = SweepKeeper(database, fake_broker)
    while claim := sweeps.claim(database):
        sweeps.train(database, claim)  # and is killed
        fake_broker.flush()
        queued = keeper.run_once()
        assert len(fake_broker.messages) == queued
    assert reads.sweep(database, sweep_id).status == SweepStatus.FINISHED
    assert keeper.run_once() == 0


def test_one_keeper_of_all_processes_acts_at_a_time(database: Database, fake_broker: FakeBroker) -> None:
    """The other ones leave the sweeps to it."""
    creation.create(database, sweeps.checked(), actor=EVERYBODY)
    first, second = SweepKeeper(database, fake_broker), SweepKeeper(database, fake_broker)
    assert first.run_once() == 2
    creation.create(database, sweeps.checked(), actor=EVERYBODY)
    assert second.run_once() == 0
    assert first.run_once() == 2


def test_a_lost_answer_of_the_database_loses_no_decision(database_url: str, fake_broker: FakeBroker) -> None:
    """What was committed stays decided; what was not is decided the next time."""
    db = FlakyDatabase(database_url)
    sweep_id = make(db, max_trials=6, max_parallel=2, asha=ASHA)
    for count in itertools.count():
        claim = sweeps.claim(db)
        if claim is None:
            break
        sweeps.train(db, claim)
        db.away, db.answers_lost = count % 3 == 1, int(count % 3 == 2)
        assert advance(db, fake_broker, sweep_id) == 0 or count % 3 == 0
        db.away, db.answers_lost = False, 0
        SweepKeeper(db, fake_broker).run_once()
        progress.advance(db, sweep_id)
    assert reads.sweep(db, sweep_id).status == SweepStatus.FINISHED
    _require_each_decision_once(db, sweep_id)
    db.dispose()


def test_a_pause_meets_a_promotion(database: Database) -> None:
    """Whichever is first: a paused sweep starts nothing, and what was promoted before runs."""
    for seed in range(5):
        sweep_id = make(database, max_trials=4, max_parallel=2, asha=ASHA, algorithm={"seed": seed})
        for _ in range(2):
            sweeps.train(database, sweeps.next_claim(database))
        together(
            lambda: changes.pause(database, sweep_id, actor=EVERYBODY),  # noqa: B023 -- runs within this turn
            lambda: progress.advance(database, sweep_id),  # noqa: B023
        )
        progress.advance(database, sweep_id)
        told = [event.kind for event in events.events(database, sweep_id)[0]]
        paused_at = max(index for index, kind in enumerate(told) if kind == "status")
        assert not {"trial", "promoted"} & set(told[paused_at:])
        changes.resume(database, sweep_id, actor=EVERYBODY)
        progress.advance(database, sweep_id)
        sweeps.work(database)
        assert reads.sweep(database, sweep_id).status == SweepStatus.FINISHED


def test_a_cancel_meets_decisions(database: Database) -> None:
    """No job of a cancelled sweep is left queued or paused, whoever was deciding."""
    for seed in range(4):
        sweep_id = make(database, max_trials=8, max_parallel=3, asha=ASHA, algorithm={"seed": seed})
        for _ in range(2):
            sweeps.train(database, sweeps.next_claim(database))
        together(
            lambda: changes.cancel(database, sweep_id, actor=EVERYBODY),  # noqa: B023 -- runs within this turn
            lambda: progress.advance(database, sweep_id),  # noqa: B023
            lambda: progress.advance(database, sweep_id),  # noqa: B023
        )
        progress.advance(database, sweep_id)
        progress.advance(database, sweep_id)
        view = reads.sweep(database, sweep_id)
        assert view.finished_at is not None
        assert view.jobs[JobStatus.QUEUED] == view.jobs[JobStatus.PAUSED] == 0
    assert unfinished(database) == []


def test_other_owners_jobs_are_not_starved_by_a_sweep(database: Database) -> None:
    """Its jobs wait in their owner's turn, and the sweep goes on as they are served."""
    sweep_id = make(database, actor=Actor("me", Scope.SUBMIT), max_trials=6, max_parallel=6)
    other = [
        actions.submit(database, factories.submission(), actor=Actor("you", Scope.SUBMIT)).job_id for _ in range(3)
    ]
    first = [sweeps.claim(database, f"host:cpu:{n}") for n in range(4)]
    assert {claim.owner for claim in first if claim} == {"me", "you"}
    assert sum(claim.job_id in other for claim in first if claim) == 2
    for claim in first:
        assert claim
        sweeps.train(database, claim)
    sweeps.work(database)
    assert reads.sweep(database, sweep_id).status == SweepStatus.FINISHED
