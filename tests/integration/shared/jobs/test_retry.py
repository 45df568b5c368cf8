"""A job whose attempt failed waits before it is tried again, and everything around it honours that: both databases."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from sqlalchemy import insert, select, update

from shared.database.engine import Database
from shared.database.tables import Attempt, Job
from shared.delivery.broker import Broker
from shared.delivery.publisher import publish
from shared.delivery.reconciler import Reconciler, Report, repair
from shared.jobs import actions, edits
from shared.jobs.actor import EVERYBODY
from shared.jobs.reads import events, queries
from shared.jobs.running import attempts, claims
from shared.jobs.running.claims import Claim
from shared.jobs.running.retry_policy import Ending
from shared.jobspec import BUILT_IN, Caps
from tests.conftest import Jump
from tests.integration.shared.delivery.messages import messages
from tests.support import factories
from tests.support.factories import FLAKY, LOST, RELEASED
from tests.support.servers import RedisServer

RETRY = 600.0
HOUR = dt.timedelta(hours=1)


def waiting(db: Database, **document: Any) -> str:
    """A job whose first attempt failed, and which waits for the second."""
    claim = factories.running(db, **document)
    assert attempts.end(db, claim, FLAKY, retry_seconds=RETRY) == "queued"
    return claim.job_id


def asked(db: Database, job_id: str) -> Claim | None:
    """What a worker gets that asks for it."""
    return factories.try_claim(db, job_id, factories.claimant(), 30)


def not_before(db: Database, job_id: str) -> dt.datetime | None:
    """The column."""
    with db.read() as connection:
        return connection.scalar(select(Job.not_before).where(Job.id == job_id))


def age(db: Database) -> None:
    """Let every instant in the rows of jobs have been an hour earlier."""
    times = (Job.queued_at, Job.published_at, Job.not_before)
    with db.read() as connection:
        rows = connection.execute(select(Job.id, *times)).all()
    for row in rows:
        values = {time.key: getattr(row, time.key) and getattr(row, time.key) - HOUR for time in times}
        mine = update(Job).where(Job.id == row.id).values(values)
        db.write(lambda connection, mine=mine: connection.execute(mine))  # type: ignore[misc]


class TestWait:
    def test_nobody_gets_it_before_its_time(self, database: Database) -> None:
        """The claim itself refuses it; afterwards it is as any other, and waits for nothing any more."""
        job_id = waiting(database)
        assert asked(database, job_id) is None

        age(database)

        claim = asked(database, job_id)
        assert claim is not None
        assert claim.attempt == 2
        assert not_before(database, job_id) is None

    def test_a_clock_that_is_set_back_makes_it_no_longer(self, database: Database, broker: Broker, jump: Jump) -> None:
        """An hour of a clock that was wrong is no reason to wait for an hour: the job is sent, and may be tried."""
        job_id = waiting(database)
        jump(-3600.0)

        [queue] = [queue for queue in queries.queues(database, broker) if queue["depth"]]
        assert queue["oldest_age_seconds"] == 0.0
        assert publish(database, broker, job_id)
        assert sum((broker.depths() or {}).values()) == 1
        claim = claims.claim_next(database, factories.claimant(), 30)
        assert claim is not None
        assert claim.attempt == 2

    def test_it_is_said_wherever_the_job_is_shown(self, database: Database) -> None:
        """Its JSON, its warnings and its events name the instant, until it runs again."""
        job_id = waiting(database)

        job = queries.job(database, job_id, actor=EVERYBODY)
        assert (job["status"], job["error"]) == ("queued", None)
        assert job["not_before"] > job["queued_at"]
        [warning] = job["warnings"]
        assert f"Attempt 1 failed for a reason that may pass; the next one starts at {job['not_before']}" in warning
        event = events.read(database, job_id)[0][-1].data
        assert (event["status"], event["not_before"]) == ("queued", job["not_before"])

        age(database)
        asked(database, job_id)
        job = queries.job(database, job_id, actor=EVERYBODY)
        assert (job["not_before"], job["warnings"]) == (None, [])

    def test_each_failure_makes_it_longer(self, database: Database) -> None:
        """By the database's clock."""
        job_id = factories.submit(database, limits={"max_attempts": 5})
        waits = []
        for _ in range(3):
            attempts.end(database, factories.claim(database, job_id), FLAKY, retry_seconds=10.0)
            job = _row(database, job_id)
            waits.append((job.not_before - job.queued_at).total_seconds())
            age(database)

        assert waits == pytest.approx([10, 60, 360], abs=1)

    @pytest.mark.parametrize("ending", [LOST, RELEASED], ids=["lost", "released"])
    def test_a_lost_or_released_job_is_tried_again_at_once(self, database: Database, ending: Ending) -> None:
        """Also after it had to wait before."""
        job_id = waiting(database)
        age(database)
        claim = factories.claim(database, job_id)

        attempts.end(database, claim, ending, retry_seconds=RETRY)

        assert asked(database, job_id) is not None

    def test_the_last_attempt_is_not_waited_for(self, database: Database) -> None:
        """The job has failed."""
        claim = factories.running(database, limits={"max_attempts": 1})

        assert attempts.end(database, claim, FLAKY, retry_seconds=RETRY) == "failed"
        assert not_before(database, claim.job_id) is None

    def test_a_killed_worker_after_the_wait(self, database: Database) -> None:
        """Its lease runs out, and the job is to be had at once."""
        job_id = waiting(database)
        age(database)
        factories.claim(database, job_id, lease_seconds=-1)

        assert factories.expire(database) == [job_id]
        assert asked(database, job_id) is not None


class TestPeople:
    def test_a_cancel_ends_it_at_once(self, database: Database) -> None:
        """It is not running anywhere."""
        job_id = waiting(database)

        assert actions.cancel(database, job_id, actor=EVERYBODY) == "cancelled"

        job = queries.job(database, job_id, actor=EVERYBODY)
        assert (job["status"], job["not_before"], job["warnings"]) == ("cancelled", None, [])
        age(database)
        assert asked(database, job_id) is None

    def test_a_cancel_that_came_before_the_failure(self, database: Database) -> None:
        """There is no next attempt to wait for."""
        claim = factories.running(database)
        actions.cancel(database, claim.job_id, actor=EVERYBODY)

        assert attempts.end(database, claim, FLAKY, retry_seconds=RETRY) == "cancelled"
        assert not_before(database, claim.job_id) is None

    def test_its_priority_can_be_changed(self, database: Database, broker: Broker, redis_server: RedisServer) -> None:
        """It waits as long as before, and is published with the new one."""
        job_id = waiting(database)
        edits.edit(database, job_id, {"priority": 9}, actor=EVERYBODY)
        publish(database, broker, job_id)
        assert messages(redis_server) == []

        other = factories.submit(database)
        publish(database, broker, other)
        age(database)
        publish(database, broker, job_id)

        assert messages(redis_server) == [job_id, other]
        assert factories.try_claim(database, job_id, factories.claimant(), 30) is not None

    def test_a_retry_does_not_wait(self, database: Database) -> None:
        """It is a new job, made by somebody who wants it now."""
        job_id = waiting(database)
        actions.cancel(database, job_id, actor=EVERYBODY)

        new = actions.retry(database, job_id, Caps(), BUILT_IN, actor=EVERYBODY).job_id

        job = queries.job(database, new, actor=EVERYBODY)
        assert (job["not_before"], job["warnings"]) == (None, [])
        assert asked(database, new) is not None


class TestMessages:
    @pytest.fixture
    def reconciler(self, database: Database, broker: Broker) -> Reconciler:
        """The one whose turn it is."""
        return Reconciler(database, broker, 15.0)

    def test_one_is_sent_when_it_is_due(
        self, database: Database, broker: Broker, reconciler: Reconciler, redis_server: RedisServer
    ) -> None:
        """Not before, though a younger job has overtaken it, and then once."""
        job_id = waiting(database)
        assert publish(database, broker, job_id)  # as its worker does, right after the end
        factories.running(database)
        assert [reconciler.run_once() for _ in range(3)] == [Report()] * 3
        assert messages(redis_server) == []

        age(database)

        assert [reconciler.run_once() for _ in range(3)] == [Report(tickets=1), Report(), Report()]
        assert messages(redis_server) == [job_id]

    def test_redis_is_emptied_meanwhile(
        self, database: Database, broker: Broker, reconciler: Reconciler, redis_server: RedisServer
    ) -> None:
        """What can be tried is published again at once; what waits, when it is due."""
        job_id, other = waiting(database), factories.submit(database)
        publish(database, broker, other)
        with redis_server.client() as client:
            client.flushall()

        assert [reconciler.run_once() for _ in range(2)] == [Report(tickets=1), Report()]
        assert messages(redis_server) == [other]

        age(database)
        reconciler.run_once()
        assert sorted(messages(redis_server)) == sorted([job_id, other])

    def test_a_stack_that_starts_again(self, database: Database, broker: Broker, redis_server: RedisServer) -> None:
        """It does not try what is to wait."""
        job_id = waiting(database)
        assert repair(database, broker, 15.0) == Report()

        age(database)
        assert repair(database, broker, 15.0) == Report(tickets=1)
        assert messages(redis_server) == [job_id]


class TestReleaseBefore:
    """Its processes share the database, and know nothing of the wait."""

    def test_its_reconciler_publishes_early(
        self, database: Database, broker: Broker, redis_server: RedisServer
    ) -> None:
        """Whoever takes that message looks for work, and finds none before the job is due."""
        job_id = waiting(database)
        broker.enqueue_many([(job_id, "any", 5)])
        anything = factories.claimant(holdings=factories.SYNTHETIC)
        assert claims.claim_next(database, anything, 30) is None

        age(database)

        assert Reconciler(database, broker, 15.0).run_once() == Report()
        claim = claims.claim_next(database, anything, 30)
        assert claim is not None
        assert claim.job_id == job_id

    def test_its_worker_takes_the_job_early_and_dies(self, database: Database) -> None:
        """The instant that it left in the row holds nobody up."""
        job_id = waiting(database)
        running = {"status": "running", "attempt": 2, "worker": "old", "device_kind": "cpu"}
        mine = update(Job).where(Job.id == job_id).values(**running, lease_expires_at=factories.EPOCH)
        database.write(lambda connection: connection.execute(mine))
        attempt = {"job_id": job_id, "attempt": 2, "worker": "old", "device": "cpu", "started_at": factories.EPOCH}
        database.write(lambda connection: connection.execute(insert(Attempt).values(**attempt)))
        assert queries.job(database, job_id, actor=EVERYBODY)["not_before"] is None

        assert factories.expire(database) == [job_id]

        assert asked(database, job_id) is not None


def _row(db: Database, job_id: str) -> Any:
    with db.read() as connection:
        return connection.execute(select(*Job.__table__.columns).where(Job.id == job_id)).one()
