"""A job that has come to its rung goes on at once where it would be promoted, and only there."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from sqlalchemy import select

from shared.database.engine import Database
from shared.database.tables import Job, SweepRung, SweepTrial
from shared.jobs.actor import EVERYBODY
from shared.jobs.running import attempts
from shared.jobs.running.claims import Claim
from shared.sweeps import changes, events, progress
from shared.sweeps.progress import next_rung
from tests.support import factories, sweeps
from tests.support.sweeps import ASHA

ASKED: dict[str, Any] = {"asha": ASHA, "max_parallel": 3, "base": sweeps.BASE | {"cache": "off"}}
"""Rungs after one, two and four epochs; one in two goes on."""


def at_rung(db: Database, claim: Claim, accuracy: float, *, after: int = 0) -> int:
    """Record the claimed job's epochs up to its rung; returns the rung's epoch."""
    with db.read() as connection:
        rung = connection.execute(select(Job.pause_after).where(Job.id == claim.job_id)).scalar_one()
    assert rung is not None
    rows = [factories.epoch_row(epoch, val_accuracy=accuracy) for epoch in range(after + 1, rung + 1)]
    assert attempts.record_epochs(db, claim, rows, factories.best(rung, accuracy))
    return rung


def pause_after(db: Database, claim: Claim) -> tuple[str, int | None]:
    """The status of the claimed job, and the epoch after which it is to pause."""
    with db.read() as connection:
        row = connection.execute(select(Job.status, Job.pause_after).where(Job.id == claim.job_id)).one()
    return str(row.status), row.pause_after


def started(db: Database, **asked: Any) -> tuple[str, Claim, Claim]:
    """A sweep with one job paused at its first rung, with an accuracy of 0.5, and two claimed ones."""
    sweep_id = sweeps.make(db, **(ASKED | asked))
    sweeps.train(db, sweeps.next_claim(db), lambda *_: 0.5)
    progress.advance(db, sweep_id)
    return sweep_id, sweeps.next_claim(db, "host:cpu:1"), sweeps.next_claim(db, "host:cpu:2")


def test_the_best_of_its_rung_goes_on(database: Database) -> None:
    """Up to the next rung, without a pause: its point is promoted, once, as if it had waited."""
    sweep_id, good, _ = started(database)
    assert next_rung(database, good, at_rung(database, good, 0.9)) == 2
    assert pause_after(database, good) == ("running", 2)
    told = [(one.kind, one.data.get("status"), one.data.get("rung")) for one in events.events(database, sweep_id)[0]]
    assert told[-2:] == [("ended", "paused", 0), ("promoted", None, 1)]
    with database.read() as connection:
        states = connection.execute(select(SweepTrial.state, SweepTrial.rung).where(SweepTrial.job_id == good.job_id))
        assert states.one() == ("live", 1)
        assert connection.scalars(select(SweepRung.waiting).order_by(SweepRung.point)).all() == [True, False]
    assert sweeps.faults(database, sweep_id) == []


def test_one_that_is_not_good_enough_pauses(database: Database) -> None:
    """Nothing is written before it has paused: a worker that dies meanwhile leaves nothing half decided."""
    sweep_id, bad, _ = started(database)
    before = events.events(database, sweep_id)[0]
    assert next_rung(database, bad, at_rung(database, bad, 0.1)) is None
    assert pause_after(database, bad) == ("running", 1)
    assert events.events(database, sweep_id)[0] == before
    with database.read() as connection:
        assert len(connection.scalars(select(SweepRung.point)).all()) == 1


def test_the_next_to_be_promoted_goes_first(database: Database) -> None:
    """A better one that waits gets the place: which job asks does not matter to who is good enough."""
    _, first, second = started(database)
    sweeps.train(database, first, lambda *_: 0.9)  # and nobody has decided since
    assert next_rung(database, second, at_rung(database, second, 0.8)) is None


def test_asked_again(database: Database) -> None:
    """As after a commit whose answer was lost: the same answer, and one promotion."""
    sweep_id, good, _ = started(database)
    rung = at_rung(database, good, 0.9)
    assert [next_rung(database, good, rung) for _ in range(3)] == [2, 2, 2]
    assert sweeps.faults(database, sweep_id) == []


@pytest.mark.parametrize("cache, last", [("off", 4), ("prefer", None)])
def test_the_last_rung(database: Database, cache: str, last: int | None) -> None:
    """The job runs to its end; but one that equal jobs may follow pauses, as only a claim of all of it leads."""
    sweep_id, first, second = started(database, base=sweeps.BASE | {"cache": cache})
    for claim, accuracy in ((first, 0.9), (second, 0.95)):
        assert next_rung(database, claim, at_rung(database, claim, accuracy)) == 2
    assert next_rung(database, first, at_rung(database, first, 0.9, after=1)) is None
    sweeps.train(database, first)
    progress.advance(database, sweep_id)
    assert next_rung(database, second, at_rung(database, second, 0.96, after=1)) == last
    assert next_rung(database, second, 2) == last
    assert pause_after(database, second) == ("running", None if last else 2)
    assert sweeps.faults(database, sweep_id) == []


def test_the_last_one_at_the_end(database: Database) -> None:
    """The job that comes to its rung last goes on to the last rung where it is the best, and pauses where it is not."""
    sweep_id, first, second = started(database, max_trials=3, asha={"eta": 100})
    assert next_rung(database, first, at_rung(database, first, 0.6)) is None  # another one still runs
    sweeps.train(database, first)
    assert next_rung(database, second, at_rung(database, second, 0.7)) == 4
    assert pause_after(database, second) == ("running", None)
    assert sweeps.faults(database, sweep_id) == []


def test_the_last_one_at_the_end_that_is_not_the_best(database: Database) -> None:
    """Another one that waits is to go on: that is decided once this one has paused."""
    _, first, second = started(database, max_trials=3, asha={"eta": 100})
    sweeps.train(database, first, lambda *_: 0.8)
    assert next_rung(database, second, at_rung(database, second, 0.7)) is None


def test_repeats_pause(database: Database) -> None:
    """A point's jobs go on together."""
    _, good, _ = started(database, repeats=2)
    assert next_rung(database, good, at_rung(database, good, 0.9)) is None


@pytest.mark.parametrize("change", [changes.pause, changes.cancel])
def test_of_a_sweep_that_does_not_run(database: Database, change: Any) -> None:
    """One that was paused or cancelled lets none go on."""
    sweep_id, good, _ = started(database)
    change(database, sweep_id, actor=EVERYBODY)
    assert next_rung(database, good, at_rung(database, good, 0.9)) is None


def test_a_worker_that_has_lost_the_job(database: Database) -> None:
    """Another attempt runs by now: its own word counts."""
    _, good, _ = started(database)
    rung = at_rung(database, good, 0.9)
    assert next_rung(database, dataclasses.replace(good, attempt=2), rung) is None
    assert next_rung(database, dataclasses.replace(good, worker="other:cpu:1"), rung) is None
    assert pause_after(database, good) == ("running", 1)
