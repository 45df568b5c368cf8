"""A database that stands still without failing: nobody may judge by the leases that ran out meanwhile."""

from __future__ import annotations

import pytest

from shared import attempts
from shared.db import Database
from shared.reconciler import Reconciler
from tests import factories
from tests.fakes import FakeBroker

LEASE = 1.0
AGES = 1000.0


class Clock:
    """Stands in for `time` in `shared.db`: it goes on by itself only when told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        """The instant."""
        return self.now

    def go_on(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock that health is measured by."""
    clock = Clock()
    monkeypatch.setattr("shared.db.time", clock)
    return clock


@pytest.mark.parametrize("kind", ["read", "write"])
def test_an_answer_that_took_long_counts_as_an_outage(database: Database, clock: Clock, kind: str) -> None:
    """Health is counted anew from its end, as after a failure."""
    database.ping()
    clock.now += AGES
    assert database.healthy_for(AGES)

    if kind == "write":
        database.write(lambda _connection: clock.go_on(5))
    else:
        with database.read():
            clock.now += 5

    assert not database.healthy_for(LEASE)
    clock.now += LEASE
    assert database.healthy_for(LEASE)


def test_quick_answers_do_not(database: Database, clock: Clock) -> None:
    """Health is counted from the first of them."""
    database.ping()
    for _ in range(10):
        clock.now += 1
        database.ping()
    assert database.healthy_for(10)


def test_the_reconciler_gives_the_owners_of_late_leases_their_chance(database: Database, clock: Clock) -> None:
    """It ends no attempt in the pass that was held up, and ends one that is still late a lease afterwards."""
    claim = factories.running(database, lease_seconds=-1.0)
    reconciler = Reconciler(database, FakeBroker(), LEASE)
    database.ping()
    clock.now += AGES
    with database.read():
        clock.now += 5

    report = reconciler.run_once()
    assert report is not None
    assert report.expired == 0
    assert attempts.heartbeat(database, claim, -1.0) is not None

    clock.now += LEASE
    report = reconciler.run_once()
    assert report is not None
    assert report.expired == 1
    assert attempts.heartbeat(database, claim, LEASE) is None
