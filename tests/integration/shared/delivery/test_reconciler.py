"""Publishing, and what puts right that which a crash left: real Redis, both databases."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import Connection, delete, select, update

from shared.database.engine import Database
from shared.database.tables import Job, Lock
from shared.delivery.broker import Broker
from shared.delivery.publisher import publish, publish_many
from shared.delivery.reconciler import Reconciler, ReconcilerPace, Report
from shared.jobs import actions
from shared.jobs.actor import EVERYBODY
from shared.jobs.reads import queries
from shared.jobs.running import attempts
from shared.jobs.status import Queue
from tests.conftest import Jump
from tests.integration.shared.delivery.messages import messages, published
from tests.support import factories
from tests.support.concurrency import together
from tests.support.fakes import FakeBroker, settle
from tests.support.servers import RedisServer, wait_until

LEASE = 15.0


def age(db: Database) -> None:
    """Let everything in the rows of jobs have happened an hour earlier, so that nothing is on its way any more."""
    hour = dt.timedelta(hours=1)

    def work(connection: Connection) -> None:
        for row in connection.execute(select(Job.id, Job.queued_at, Job.published_at)).all():
            values = {"queued_at": row.queued_at - hour, "published_at": row.published_at and row.published_at - hour}
            connection.execute(update(Job).where(Job.id == row.id).values(values))

    db.write(work)


class TestRules:
    """Each finds queued jobs whose message is gone; a message too many does no harm."""

    def passes(
        self, db: Database, broker: Broker, lease_seconds: float = LEASE, pace: ReconcilerPace | None = None
    ) -> Report:
        db.write(lambda connection: connection.execute(delete(Lock)))  # whoever had the turn is gone
        report = Reconciler(db, broker, lease_seconds, pace=pace or ReconcilerPace()).run_once()
        assert report is not None
        return report

    @pytest.fixture
    def planted(self, broker: Broker) -> Broker:
        """A Redis that has not lost anything."""
        settle(broker)
        return broker

    def test_nothing_to_do(self, database: Database, planted: Broker, redis_server: RedisServer) -> None:
        """Published jobs are left alone, pass after pass."""
        for _ in range(3):
            publish(database, planted, factories.submit(database))
        age(database)

        assert [self.passes(database, planted) for _ in range(2)] == [Report(), Report()]
        assert len(messages(redis_server)) == 3

    def test_never_published(self, database: Database, planted: Broker, redis_server: RedisServer) -> None:
        """Redis was down, or the submitter died before it could publish."""
        first, second = factories.submit(database), factories.submit(database, priority=9)
        age(database)

        assert self.passes(database, planted) == Report(published=2)

        assert messages(redis_server) == [second, first]
        assert published(database, first)
        assert self.passes(database, planted) == Report()

    def test_just_submitted(self, database: Database, planted: Broker, redis_server: RedisServer) -> None:
        """Whoever submitted it is about to publish it."""
        factories.submit(database)

        assert self.passes(database, planted) == Report()
        assert messages(redis_server) == []

    def test_redis_lost_everything(self, database: Database, planted: Broker, redis_server: RedisServer) -> None:
        """All queued jobs are published again, the most urgent and oldest first, those just published too."""
        job_ids = [factories.submit(database, priority=priority) for priority in (2, 5, 5, 9)]
        publish_many(database, planted, job_ids)
        factories.running(database)
        with redis_server.client() as client:
            client.flushall()

        assert self.passes(database, planted) == Report(published=4)

        assert messages(redis_server) == [job_ids[3], job_ids[1], job_ids[2], job_ids[0]]
        assert self.passes(database, planted) == Report()

    def test_a_crash_while_everything_is_published_again(
        self, database: Database, fake_broker: FakeBroker, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The next pass begins anew: what was not reached still looks published."""
        job_ids = [factories.submit(database) for _ in range(5)]
        actions.mark_published(database, job_ids)
        send = fake_broker.enqueue_many

        def fail_after_one(messages: Sequence[tuple[str, str, int]]) -> None:
            fake_broker.down = bool(fake_broker.messages)
            send(messages)

        with monkeypatch.context() as patched:
            patched.setattr(fake_broker, "enqueue_many", fail_after_one)
            assert self.passes(database, fake_broker, pace=ReconcilerPace(batch=2)) == Report(published=2)

        fake_broker.down = False
        assert self.passes(database, fake_broker) == Report(published=5)
        assert {message[0] for message in fake_broker.messages} == set(job_ids)
        assert self.passes(database, fake_broker) == Report()

    def test_overtaken(self, database: Database, planted: Broker, redis_server: RedisServer) -> None:
        """A younger one of its queue and priority runs already, so its own message must be gone."""
        lost = factories.submit(database)
        actions.mark_published(database, [lost])
        age(database)
        younger, waiting = factories.submit(database), factories.submit(database)
        for job_id in (younger, waiting):
            publish(database, planted, job_id)
        factories.claim(database, younger)

        assert self.passes(database, planted) == Report(published=1)

        assert messages(redis_server).count(lost) == 1
        assert self.passes(database, planted) == Report()

    def test_less_urgent_job_came_first(self, database: Database, planted: Broker, redis_server: RedisServer) -> None:
        """Redis gives out the most urgent first, so the message of a more urgent job must be gone."""
        lost = factories.submit(database, priority=9)
        actions.mark_published(database, [lost])
        age(database)
        less_urgent, waiting = factories.submit(database, priority=1), factories.submit(database, priority=1)
        for job_id in (less_urgent, waiting):
            publish(database, planted, job_id)
        factories.claim(database, less_urgent)

        assert self.passes(database, planted) == Report(published=1)

        assert messages(redis_server).count(lost) == 1
        assert self.passes(database, planted) == Report()

    @pytest.mark.parametrize(
        "difference", [{"priority": 6}, {"resources": {"device": "cpu"}}], ids=["priority", "queue"]
    )
    def test_passed_by_in_order(
        self, database: Database, planted: Broker, redis_server: RedisServer, difference: dict[str, Any]
    ) -> None:
        """Jobs of another priority or queue overtake without anything being wrong."""
        older = factories.submit(database)
        publish(database, planted, older)
        age(database)
        other = factories.submit(database, **difference)
        publish(database, planted, other)
        factories.claim(database, other)

        assert self.passes(database, planted) == Report()

    def test_stranded(self, database: Database, planted: Broker, redis_server: RedisServer) -> None:
        """The queue's lists are empty, though a job has been waiting in it for a while."""
        lost = factories.submit(database, resources={"device": "cuda"})
        actions.mark_published(database, [lost])
        publish(database, planted, factories.submit(database))
        assert self.passes(database, planted) == Report()  # it may be on its way
        age(database)

        assert self.passes(database, planted) == Report(published=1)

        assert messages(redis_server, Queue.CUDA) == [lost]

    def test_more_than_a_batch(self, database: Database, planted: Broker, redis_server: RedisServer) -> None:
        """In batches, in order."""
        rows = [factories.job_row(number, priority=number % 3) for number in range(35)]
        factories.insert_jobs(database, rows)

        assert self.passes(database, planted, pace=ReconcilerPace(batch=10)) == Report(published=35)

        ordered = sorted(rows, key=lambda row: (-row["priority"], row["queued_at"]))
        assert messages(redis_server) == [row["id"] for row in ordered]

    def test_a_message_too_many_does_no_harm(
        self, database: Database, planted: Broker, redis_server: RedisServer
    ) -> None:
        """The first wins the claim, the second finds nothing to do."""
        job_id = factories.submit(database)
        for _ in range(3):
            publish(database, planted, job_id)

        claims = [attempts.claim(database, told, factories.claimant(), 30) for told in messages(redis_server)]

        assert [claim is not None for claim in claims] == [True, False, False]

    def test_redis_goes_away_in_the_middle(self, database: Database, fake_broker: FakeBroker) -> None:
        """The rest is found by the next pass."""
        settle(fake_broker)
        factories.submit(database)
        age(database)
        fake_broker.down = True
        assert Reconciler(database, fake_broker, LEASE).run_once() is None

        fake_broker.down = False
        assert self.passes(database, fake_broker) == Report(published=1)

    def test_expired_attempts_are_published_at_once(
        self, database: Database, planted: Broker, redis_server: RedisServer
    ) -> None:
        """In the same pass."""
        late = factories.running(database, lease_seconds=-1)
        factories.running(database)

        assert self.passes(database, planted, lease_seconds=0.0) == Report(expired=1)

        assert messages(redis_server) == [late.job_id]

    def test_expired_attempts_end_also_while_redis_is_down(self, database: Database, fake_broker: FakeBroker) -> None:
        """The database alone decides; the message follows."""
        late = factories.running(database, lease_seconds=-1)
        fake_broker.down = True

        Reconciler(database, fake_broker, 0.0).run_once()

        assert queries.job(database, late.job_id, actor=EVERYBODY)["status"] == "queued"

    def test_the_many_attempts_of_a_host_end_over_several_passes(self, database: Database, planted: Broker) -> None:
        """The oldest first; the rest follows with the next pass."""
        few = ReconcilerPace(most_expired=3)
        late = [factories.running(database, lease_seconds=-60 + n).job_id for n in range(5)]

        assert self.passes(database, planted, 0.0, few) == Report(expired=3)
        assert [queries.job(database, job_id, actor=EVERYBODY)["status"] for job_id in late] == ["queued"] * 3 + [
            "running"
        ] * 2
        assert self.passes(database, planted, 0.0, few) == Report(expired=2)

    @pytest.mark.parametrize("lost", ["its message", "its publication"])
    def test_a_clock_that_was_set_back(
        self, database: Database, planted: Broker, redis_server: RedisServer, lost: str, jump: Jump
    ) -> None:
        """What lies ahead happened before that, and is not on its way any more."""
        job_id = factories.submit(database)
        if lost == "its message":
            actions.mark_published(database, [job_id])
        jump(-3600.0)

        assert self.passes(database, planted) == Report(published=1)
        assert messages(redis_server) == [job_id]


class TestTurns:
    def test_one_at_a_time(self, database: Database, fake_broker: FakeBroker) -> None:
        """The holder goes on; the others wait until it is gone."""
        first, second = (Reconciler(database, fake_broker, LEASE) for _ in range(2))

        assert first.run_once() is not None
        assert second.run_once() is None
        assert first.run_once() is not None

    def test_a_turn_that_has_run_out_is_taken_over(self, database: Database, fake_broker: FakeBroker) -> None:
        """Its holder died, or was frozen; when it wakes up it is not its turn."""
        first, second = (Reconciler(database, fake_broker, LEASE) for _ in range(2))
        first.run_once()
        past = update(Lock).values(expires_at=factories.EPOCH)
        database.write(lambda connection: connection.execute(past))

        assert second.run_once() is not None
        assert first.run_once() is None

    def test_only_one_of_many_at_once(self, database: Database, fake_broker: FakeBroker) -> None:
        """From many threads."""
        reports: list[Report | None] = []
        together(*[lambda: reports.append(Reconciler(database, fake_broker, LEASE).run_once())] * 8)

        assert sum(report is not None for report in reports) == 1

    def test_of_two_hosts_that_share_a_name_and_process_ids_one_has_the_turn(
        self, database: Database, fake_broker: FakeBroker
    ) -> None:
        """The holder's name says more than those."""
        with ThreadPoolExecutor(1) as elsewhere:
            first = Reconciler(database, fake_broker, LEASE)
            assert first.run_once() is not None
            del first
            assert elsewhere.submit(Reconciler(database, fake_broker, LEASE).run_once).result() is None

    def test_the_database_down_is_no_error(self, empty_database: Database, fake_broker: FakeBroker) -> None:
        """The timer goes on."""
        assert Reconciler(empty_database, fake_broker, LEASE).run_once() is None

    def test_the_timer(self, database: Database, fake_broker: FakeBroker) -> None:
        """It runs until it is told to stop, whatever a pass raises."""
        told = Reconciler(database, fake_broker, LEASE)
        factories.insert_jobs(database, [factories.job_row(0)])

        stop = told.start(0.01)
        wait_until(lambda: fake_broker.messages, "a pass")
        stop.set()
        wait_until(
            lambda: "reconciler" not in {thread.name for thread in threading.enumerate()}, "the end of the timer"
        )

    def test_a_crash_does_not_end_the_timer(self, sqlite_database: Database, fake_broker: FakeBroker) -> None:
        """The next pass may succeed."""
        told = Reconciler(sqlite_database, fake_broker, LEASE)
        stops = iter([False, False, False, True])
        passes: list[int] = []

        def crash() -> None:
            passes.append(1)
            raise KeyError

        told.run_once = crash  # type: ignore[method-assign]
        told.run_until(lambda _seconds: next(stops), 1)

        assert len(passes) == 3
