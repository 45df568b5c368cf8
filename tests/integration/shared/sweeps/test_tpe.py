"""Sweeps whose points Optuna suggests, on both databases."""

from __future__ import annotations

import sys
import uuid
from collections.abc import Callable
from random import Random
from typing import Any

import pytest
from sqlalchemy import select, update

from shared.database.engine import Database
from shared.database.tables import Job, Sweep, SweepTrial
from shared.errors import SuggestionFailed, SweepNotFound
from shared.jobs import actions
from shared.jobs.actor import EVERYBODY, Actor
from shared.jobs.running import attempts
from shared.jobs.running.claims import Claim
from shared.jobs.running.retry_policy import Ending
from shared.jobs.status import Outcome
from shared.people.scopes import Scope
from shared.sweeps import changes, creation, progress, reads
from shared.sweeps.points import suggestions
from shared.sweeps.points.estimator import Estimator, estimator
from shared.sweeps.points.space import Point
from shared.sweeps.status import PointStatus, SweepStatus
from tests.support import sweeps
from tests.support.sweeps import ASHA, Decided, make

TPE = {"kind": "tpe", "seed": 2}
WIDTHS = {"architecture.hidden": {"kind": "choice", "values": [[4], [16, 8], [64]]}}


def _params(db: Database, sweep_id: str) -> list[Point]:
    return [point.params for point in reads.trials(db, sweep_id, limit=100).items]


Order = Callable[[list[Claim]], list[Claim]]
"""Which of the claimed jobs end now, in which order."""


def _played(db: Database, order: Order, *, at_once: bool = False, **asked: Any) -> tuple[list[Point], list[Decided]]:
    """Play workers until a sweep has finished; returns its points and its decisions, in order."""
    sweep_id = make(db, algorithm=TPE, **asked)
    claims: list[Claim] = []
    while reads.sweep(db, sweep_id).status != SweepStatus.FINISHED:
        while claim := sweeps.claim(db, f"host:cpu:{uuid.uuid4()}"):
            claims.append(claim)
        for claim in order(claims):
            claims.remove(claim)
            sweeps.train(db, claim, at_once=at_once)
            progress.advance(db, sweep_id)
    assert sweeps.faults(db, sweep_id) == []
    return _params(db, sweep_id), sweeps.decided(db, sweep_id)


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"asha": ASHA},
        {"asha": ASHA, "repeats": 2, "max_parallel": 5},
        {"asha": {"min_epochs": 2, "eta": 3}, "space": sweeps.SPACE | WIDTHS},
    ],
    ids=["whole", "asha", "repeats", "widths"],
)
def test_the_order_in_which_jobs_end_does_not_matter(database: Database, asked: dict[str, Any]) -> None:
    """The same seed gives the same trials, and lets the same ones go on, whichever of the claimed jobs ends first."""
    asked = {"max_trials": 16, "max_parallel": 3} | asked
    base = sweeps.BASE | {"cache": "off"}
    random = Random(5)
    expected = _played(database, lambda claims: claims[:1], base=base, **asked)
    assert len(expected[0]) == 16
    assert _played(database, lambda claims: claims[::-1], base=base, **asked) == expected
    assert _played(database, lambda claims: claims[-1:], base=base, at_once=True, **asked) == expected
    shuffled = _played(database, lambda claims: random.sample(claims, 1), base=base, at_once=True, **asked)
    assert shuffled == expected


def test_what_is_trained_already_changes_no_decision(database: Database) -> None:
    """Jobs that end at once, as equal ones have been trained, are taken in in the same turns."""
    asked: dict[str, Any] = {"max_trials": 16, "max_parallel": 3, "asha": ASHA}
    first, again = (_played(database, lambda claims: claims[-1:], **asked) for _ in range(2))
    assert first == again


def test_a_limit_of_queued_jobs_changes_no_decision(database: Database) -> None:
    """It makes the sweep slower: a place that may not be filled yet is filled before the next result is taken in."""
    asked: dict[str, Any] = {"max_trials": 14, "max_parallel": 4, "asha": ASHA, "base": sweeps.BASE | {"cache": "off"}}
    free = _played(database, lambda claims: claims[:1], **asked)
    few = Actor("me", Scope.SUBMIT, most_queued=1)
    assert _played(database, lambda claims: claims[-1:], actor=few, **asked) == free


def test_a_pause_changes_no_decision(database: Database) -> None:
    """Whatever ends meanwhile is taken in in its turn, once the sweep goes on."""
    asked: dict[str, Any] = {"max_trials": 14, "max_parallel": 3, "asha": ASHA, "base": sweeps.BASE | {"cache": "off"}}
    expected = _played(database, lambda claims: claims[:1], **asked)
    sweep_id = make(database, algorithm=TPE, **asked)
    while reads.sweep(database, sweep_id).status != SweepStatus.FINISHED:
        changes.pause(database, sweep_id, actor=EVERYBODY)
        sweeps.work(database)
        changes.resume(database, sweep_id, actor=EVERYBODY)
        progress.advance(database, sweep_id)
    assert (_params(database, sweep_id), sweeps.decided(database, sweep_id)) == expected


def test_a_slow_trial_holds_up_what_rests_on_it(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that end before it keep their places until its turn has passed; no suggestion is asked for before."""
    sweep_id = make(database, algorithm=TPE, max_trials=13, max_parallel=2)
    for _ in range(8):
        sweeps.train(database, sweeps.next_claim(database))
        progress.advance(database, sweep_id)
    monkeypatch.setattr(estimator, "ask", lambda _asked: pytest.fail("asked too early"))
    slow = sweeps.next_claim(database, "host:cpu:slow")
    sweeps.work(database)
    assert len(_params(database, sweep_id)) == 10
    monkeypatch.undo()
    sweeps.train(database, slow)
    progress.advance(database, sweep_id)
    sweeps.work(database)
    assert reads.sweep(database, sweep_id).status == SweepStatus.FINISHED


def test_a_sweep_of_the_release_before_goes_on(database: Database) -> None:
    """Its trials have no turns: those that run are taken in in the order of their points."""
    sweep_id = make(database, algorithm=TPE, max_trials=16, max_parallel=3, asha=ASHA)
    sweeps.work(database, most=12)
    with database.engine.begin() as connection:
        connection.execute(update(Sweep).values(clock=0))
        connection.execute(update(SweepTrial).values(turn=0))
    sweeps.work(database)
    assert reads.sweep(database, sweep_id).status == SweepStatus.FINISHED
    assert sweeps.faults(database, sweep_id) == []


def test_a_long_way_lets_as_many_short_ones_pass(database: Database) -> None:
    """A job that goes on for two epochs is taken in after those that start with it for one, and before the next."""
    sweep_id = make(database, algorithm=TPE, max_trials=12, max_parallel=2, asha={"min_epochs": 1, "eta": 3})
    while not (long := [one for one in sweeps.decided(database, sweep_id) if one[0] == "promoted"]):
        sweeps.work(database, most=1)
    claims = {claim.pause_after: claim for claim in (sweeps.next_claim(database, f"host:cpu:{n}") for n in range(2))}
    sweeps.train(database, claims.pop(3))  # ends first, and is not taken in yet
    progress.advance(database, sweep_id)
    assert ("ended", long[0][1], None, 1) not in sweeps.decided(database, sweep_id)
    sweeps.train(database, claims.pop(1))
    progress.advance(database, sweep_id)
    kinds = [kind for kind, *_ in sweeps.decided(database, sweep_id)]
    sweeps.work(database)
    ended = [one[1] for one in sweeps.decided(database, sweep_id)[len(kinds) - 1 :] if one[0] == "ended"]
    assert ended.index(long[0][1]) in {0, 1}


def test_a_costly_job_lets_as_many_cheap_ones_pass(database: Database) -> None:
    """Turns count FLOPs, so that few wait for the one that any machine takes longest for."""
    sweep_id = make(database, algorithm=TPE, space=sweeps.SPACE | WIDTHS, max_trials=9, max_parallel=9)
    of_points = select(SweepTrial.turn, Job.flops_per_epoch).join(Job, Job.id == SweepTrial.job_id)
    with database.read() as connection:
        rows = connection.execute(of_points.order_by(SweepTrial.point)).all()
    assert {row.turn for row in rows} == {4 * (row.flops_per_epoch // 1_000_000) for row in rows}
    assert len({row.turn for row in rows}) == 3
    sweeps.work(database)
    points = [one[1] for one in sweeps.decided(database, sweep_id) if one[0] == "ended"]
    assert points == [point for _, point in sorted((row.turn, point) for point, row in enumerate(rows))]


def test_the_clock_of_a_year(database: Database) -> None:
    """A sweep may take 1e20 FLOPs and more, which no integer of a database holds."""
    sweep_id = make(database, algorithm=TPE, max_trials=13, max_parallel=3, asha=ASHA)
    with database.engine.begin() as connection:
        connection.execute(update(Sweep).values(clock=10**15))
    for _ in range(20):
        sweeps.work(database, most=1)
        with database.engine.begin() as connection:
            connection.execute(update(Job).values(flops_per_epoch=4 * 10**18))
    sweeps.work(database)
    assert reads.sweep(database, sweep_id).status == SweepStatus.FINISHED
    with database.read() as connection:
        assert (connection.scalar(select(Sweep.clock)) or 0) > 10**15 + 10**11


def test_jobs_that_are_cancelled_hold_nothing_up(database: Database) -> None:
    """They are failed points in their turns; a sweep that is cancelled ends whatever turn it was."""
    sweep_id = make(database, algorithm=TPE, max_trials=14, max_parallel=4, asha=ASHA)
    for count in range(4):
        claims = [sweeps.next_claim(database, f"host:cpu:{count}") for _ in range(2)]
        actions.cancel(database, claims[0].job_id, actor=EVERYBODY)
        assert attempts.end(database, claims[0], Ending(Outcome.CANCELLED))
        sweeps.train(database, claims[1])
        progress.advance(database, sweep_id)
    assert PointStatus.FAILED in {point.status for point in reads.trials(database, sweep_id, limit=14).items}
    changes.cancel(database, sweep_id, actor=EVERYBODY)
    for _ in range(2):
        progress.advance(database, sweep_id)
    view = reads.sweep(database, sweep_id)
    assert (view.status, view.finished_at is not None) == (SweepStatus.CANCELLED, True)


def test_points_that_rest_on_nothing_are_made_together(sqlite_database: Database) -> None:
    """Those that a sweep begins with are as many as may be queued: they are not made one by one."""
    asked = sweeps.checked(algorithm=TPE, max_trials=40, max_parallel=40)
    sweep_id = creation.create(sqlite_database, asked, actor=EVERYBODY)
    steps = [len(queued) for queued in progress.steps(sqlite_database, sweep_id)]
    assert (max(steps), sum(steps)) == (40, 40)


def test_a_suggestion_that_fails_is_asked_for_again(sqlite_database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was decided beside it stays; once Optuna answers, the sweep goes on as it would have."""
    sweep_id = make(sqlite_database, algorithm=TPE, max_trials=12, max_parallel=1)
    monkeypatch.setattr(suggestions, "estimator", Estimator())
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with pytest.raises(SuggestionFailed, match="No such file"):
        sweeps.work(sqlite_database)
    assert len(_params(sqlite_database, sweep_id)) == 10
    monkeypatch.undo()
    progress.advance(sqlite_database, sweep_id)
    sweeps.work(sqlite_database)
    assert reads.sweep(sqlite_database, sweep_id).status == SweepStatus.FINISHED


def test_importance_is_told_once_enough_points_have_values(sqlite_database: Database) -> None:
    """Before that it is None; an unknown sweep is none."""
    space = sweeps.SPACE | {"training.seed": {"kind": "int", "low": 0, "high": 1000}}
    sweep_id = make(sqlite_database, space=space, max_trials=30, max_parallel=10)
    assert suggestions.importance(sqlite_database, sweep_id) is None
    sweeps.work(sqlite_database)
    shares = suggestions.importance(sqlite_database, sweep_id)
    assert shares is not None
    assert max(shares, key=lambda path: shares[path]) == sweeps.LR
    with pytest.raises(SweepNotFound):
        suggestions.importance(sqlite_database, "none")
