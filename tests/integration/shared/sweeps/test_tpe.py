"""Sweeps whose points Optuna suggests, on both databases."""

from __future__ import annotations

import sys

import pytest

from shared.database.engine import Database
from shared.errors import SuggestionFailed, SweepNotFound
from shared.jobs.running.claims import Claim
from shared.sweeps import progress, reads
from shared.sweeps.points import suggestions
from shared.sweeps.points.estimator import Estimator, estimator
from shared.sweeps.points.space import Point
from shared.sweeps.status import SweepStatus
from tests.support import sweeps
from tests.support.sweeps import ASHA, make

TPE = {"kind": "tpe", "seed": 2}


def _params(db: Database, sweep_id: str) -> list[Point]:
    return [point.params for point in reads.trials(db, sweep_id, limit=100).items]


@pytest.mark.parametrize("asha", [None, ASHA], ids=["whole", "asha"])
def test_the_order_in_which_jobs_end_does_not_matter(database: Database, asha: dict[str, int] | None) -> None:
    """The same seed gives the same trials where the last one claimed ends first, and where the first one does."""
    made = []
    for backwards in (False, True):
        sweep_id = make(database, algorithm=TPE, max_trials=13, max_parallel=2, asha=asha)
        while reads.sweep(database, sweep_id).status != SweepStatus.FINISHED:
            claims: list[Claim] = []
            while claim := sweeps.claim(database, f"host:cpu:{len(claims)}"):
                claims.append(claim)
            for claim in reversed(claims) if backwards else claims:
                sweeps.train(database, claim)
                progress.advance(database, sweep_id)
        made.append(_params(database, sweep_id))
    assert made[0] == made[1]
    assert len(made[0]) == 13


def test_a_point_waits_for_the_results_that_it_rests_on(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """One slow trial holds up those that rest on it, and no suggestion is asked for before."""
    sweep_id = make(database, algorithm=TPE, max_trials=13, max_parallel=2)
    monkeypatch.setattr(estimator, "ask", lambda _asked: pytest.fail("asked too early"))
    slow = sweeps.next_claim(database, "host:cpu:slow")
    sweeps.work(database)
    assert len(_params(database, sweep_id)) == 11  # points 0 to 10 are random: fewer than ten results are known
    monkeypatch.undo()
    sweeps.train(database, slow)
    progress.advance(database, sweep_id)
    sweeps.work(database)
    assert reads.sweep(database, sweep_id).status == SweepStatus.FINISHED


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
