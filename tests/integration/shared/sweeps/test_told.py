"""Webhooks are told of a sweep's end: once, in the transaction that ends it, whoever decides."""

from __future__ import annotations

from unittest.mock import Mock

import pytest

from shared import wire
from shared.database.engine import Database
from shared.delivery.sweeps import SweepKeeper
from shared.jobs.actor import EVERYBODY
from shared.jobs.running import attempts
from shared.jobs.running.retry_policy import Ending
from shared.jobs.status import Outcome
from shared.sweeps import changes, progress, reads
from shared.webhooks import deliveries, events, hooks
from shared.webhooks.signature import SigningKey
from tests.support import sweeps
from tests.support.concurrency import together
from tests.support.fakes import FakeBroker
from tests.support.sweeps import ASHA, make


def hook(db: Database, *of: str) -> str:
    """A webhook for these events, finished sweeps unless given; returns its id."""
    return hooks.create(db, "https://hooks.example.com/a", of or ["sweep.finished"], SigningKey(bytes(32))).id


def told(db: Database, webhook: str) -> list[wire.Delivery]:
    """The webhook's deliveries, newest first."""
    return list(deliveries.page(db, webhook).items)


def test_each_webhook_that_asked_is_told_of_the_end_once(database: Database, fake_broker: FakeBroker) -> None:
    """With the best point and what it cost; another look at the sweep adds nothing, nor is a job's webhook told."""
    first, second, jobs = (
        hook(database),
        hook(database, "job.finished", "sweep.finished"),
        hook(database, "job.finished"),
    )
    sweep_id = make(database, name="rates", max_trials=4, asha=ASHA)
    sweeps.work(database)
    assert progress.advance(database, sweep_id) == []
    assert SweepKeeper(database, fake_broker).run_once() == 0
    view = reads.sweep(database, sweep_id)
    for webhook in (first, second):
        (one,) = [one for one in told(database, webhook) if one.event == "sweep.finished"]
        assert (one.job_id, one.status, one.payload["type"]) == (None, "pending", "sweep.finished")
        data = one.payload["data"]
        assert data.keys() == set(wire.answer.names(wire.FinishedSweep))
        assert (data["id"], data["name"], data["status"], data["owner"]) == (sweep_id, "rates", "finished", None)
        assert one.payload["timestamp"] == data["finished_at"]
        assert view.best is not None
        assert (data["best"]["point"], data["best"]["params"]) == (view.best.point, view.best.params)
        assert data["best"]["jobs"] == list(view.best.job_ids)
        assert (data["points"], data["points_made"]) == (4, 4)
        assert data["counts"]["succeeded"] + data["counts"]["stopped"] == 4
        assert (data["epochs_trained"], data["epochs_saved"]) == (view.epochs_trained, view.epochs_saved)
    assert {one.event for one in told(database, jobs)} == {"job.finished"}


def test_who_decide_at_once_tell_it_once(database: Database) -> None:
    """Whichever of them ends the sweep."""
    webhook = hook(database)
    sweep_id = make(database, max_trials=3, max_parallel=3)
    claims = [sweeps.next_claim(database) for _ in range(3)]
    for claim in claims:
        sweeps.train(database, claim)
    assert told(database, webhook) == []
    together(*[lambda: progress.advance(database, sweep_id)] * 6)
    assert [one.payload["data"]["id"] for one in told(database, webhook)] == [sweep_id]


def test_a_cancelled_sweep_is_told_once_its_last_job_has_ended(database: Database) -> None:
    """Not while one still runs; a pause before it is no end."""
    webhook = hook(database)
    sweep_id = make(database, max_trials=4, max_parallel=2)
    running = sweeps.next_claim(database)
    changes.pause(database, sweep_id, actor=EVERYBODY)
    changes.cancel(database, sweep_id, actor=EVERYBODY)
    progress.advance(database, sweep_id)
    progress.advance(database, sweep_id)
    assert told(database, webhook) == []
    attempts.end(database, running, Ending(Outcome.CANCELLED))
    progress.advance(database, sweep_id)
    (one,) = told(database, webhook)
    assert (one.payload["data"]["status"], one.payload["data"]["best"]) == ("cancelled", None)
    assert one.payload["data"]["counts"]["stopped"] == 2


def test_an_end_that_is_rolled_back_is_told_to_nobody(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """The delivery is part of the transaction that ends the sweep."""
    webhook = hook(database)
    sweep_id = make(database, max_trials=1)
    sweeps.train(database, sweeps.next_claim(database))
    with monkeypatch.context() as patch:
        patch.setattr(events, "_insert", Mock(side_effect=[KeyError]))
        with pytest.raises(KeyError):
            progress.advance(database, sweep_id)
    assert reads.sweep(database, sweep_id).finished_at is None
    progress.advance(database, sweep_id)
    assert len(told(database, webhook)) == 1
