"""A machine that slept, and clocks that were set: whoever judges leases, or owns one, may have slept with it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import pytest

from shared.database.engine import Database
from shared.fleet import workers
from shared.fleet.workers import Identity
from shared.jobs.actor import EVERYBODY
from shared.jobs.reads import queries
from shared.jobs.running import attempts
from tests.conftest import Jump
from tests.integration.shared.database.test_slow_database import LEASE, Judge
from tests.support import factories

HOUR = 3600.0


@pytest.fixture
def judge(database_url: str) -> Iterator[Judge]:
    """One that has been there for long, and has the turn."""
    judge = Judge(database_url)
    judge.passes(2 * LEASE)
    assert judge.has_turn
    yield judge
    judge.db.dispose()


def status(db: Database, job_id: str) -> str:
    """The job's."""
    found: str = queries.job(db, job_id, actor=EVERYBODY)["status"]
    return found


@pytest.mark.parametrize("ahead", [2 * LEASE, HOUR, -HOUR], ids=["a nap", "an hour", "set back"])
class TestJudge:
    """The database's clock has jumped; that by which the judge counts has not, as in a sleep of both."""

    def test_an_owner_that_woke_up_too_keeps_its_job(
        self, judge: Judge, database: Database, ahead: float, jump: Jump
    ) -> None:
        """Whoever of the two comes first: here the judge, for as long as a lease."""
        claim = factories.running(database, lease_seconds=LEASE)
        judge.passes(2.0)
        for _ in range(3):
            jump(ahead)
            assert judge.passes(LEASE * 0.8) == 0
            assert attempts.heartbeat(database, claim, LEASE) is not None
        assert judge.passes(LEASE * 0.8) == 0
        assert status(database, claim.job_id) == "running"

    def test_one_whose_claim_the_judge_had_not_seen_before(
        self, judge: Judge, database: Database, ahead: float, jump: Jump
    ) -> None:
        """It slept right after its claim, before the judge's next look."""
        claim = factories.running(database, lease_seconds=LEASE)
        jump(ahead)
        assert judge.passes(LEASE - 2.0) == 0
        assert attempts.heartbeat(database, claim, LEASE) is not None

    def test_a_dead_owners_attempt_is_ended_within_a_lease(
        self, judge: Judge, database: Database, ahead: float, jump: Jump
    ) -> None:
        """Of time awake, whatever the database's clock says: the lease was seen before that jumped."""
        claim = factories.running(database, lease_seconds=LEASE)
        judge.passes(1.0)
        jump(ahead)
        assert judge.passes(LEASE + 2.0) == 1
        assert status(database, claim.job_id) == "queued"

    def test_a_live_worker_is_not_forgotten(self, judge: Judge, database: Database, ahead: float, jump: Jump) -> None:
        """Though it has not reported for an hour; it would have to start again, and give its job back."""
        identity = Identity("worker", "host", 1, "cpu", "cpu")
        workers.register(database, identity, device_name=None, versions={}, datasets=[])
        jump(2 * ahead)
        judge.passes(LEASE / 3)
        assert workers.report(database, "worker")
        judge.passes(2 * LEASE)
        assert workers.report(database, "worker")


def test_a_silent_worker_is_forgotten(judge: Judge, database: Database, jump: Jump) -> None:
    """After an hour, and a lease in which somebody looked."""
    identity = Identity("worker", "host", 1, "cpu", "cpu")
    workers.register(database, identity, device_name=None, versions={}, datasets=[])
    jump(2 * HOUR)
    judge.passes(LEASE + 2.0)
    assert not workers.report(database, "worker")


@pytest.mark.parametrize("pause", [LEASE, HOUR])
def test_a_pause_of_everybody_is_no_ones_silence(judge: Judge, database: Database, pause: float, jump: Jump) -> None:
    """SIGSTOP, or a virtual machine that stood still: all clocks go on, and nobody could renew anything."""
    claim = factories.running(database, lease_seconds=LEASE)
    judge.passes(2.0)
    judge.clock.now += pause
    jump(pause)

    assert judge.passes(1.0) == 0
    assert not judge.has_turn
    assert judge.passes(LEASE - 1.0, meanwhile=partial(attempts.heartbeat, database, claim, LEASE)) == 0
    assert status(database, claim.job_id) == "running"


def test_a_worker_with_a_longer_lease_than_the_judges_is_given_it(judge: Judge, database: Database) -> None:
    """Each process has its own settings; after an outage, too."""
    factories.running(database, lease_seconds=3 * LEASE)
    assert judge.passes(2 * LEASE) == 0
    judge.reconciler._watch.health.fail()
    assert judge.passes(2 * LEASE) == 0
    assert judge.passes(LEASE + 2.0) == 1
