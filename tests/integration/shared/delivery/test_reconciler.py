"""Publishing, and what puts right that which a crash left: real Redis, both databases."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import delete, update

from shared.database.engine import Database
from shared.database.tables import Job, Lock, Worker
from shared.delivery import reconciler, tickets
from shared.delivery.broker import Broker
from shared.delivery.publisher import publish, publish_many
from shared.delivery.reconciler import Reconciler, Report
from shared.fleet import workers
from shared.fleet.workers import Identity
from shared.jobs.actor import EVERYBODY
from shared.jobs.data_needs import Holdings
from shared.jobs.reads import queries
from shared.jobs.running import claims
from tests.conftest import Jump
from tests.integration.shared.delivery.messages import messages
from tests.support import factories
from tests.support.concurrency import together
from tests.support.fakes import FakeBroker
from tests.support.servers import RedisServer, wait_until

LEASE = 15.0
CLASSES = ["airplane", "bird"]
SYNTHETIC: list[dict[str, Any]] = [
    {
        "name": "synthetic",
        "source": "drawn",
        "classes": CLASSES,
        "counts": {name: [9, 9] for name in CLASSES},
        "ready": True,
    }
]


class TestTickets:
    """A queue holds as many as jobs that may be claimed, up to a few; one too many does no harm."""

    def passes(self, db: Database, broker: Broker, lease_seconds: float = LEASE) -> Report:
        db.write(lambda connection: connection.execute(delete(Lock)))  # whoever had the turn is gone
        report = Reconciler(db, broker, lease_seconds).run_once()
        assert report is not None
        return report

    def test_nothing_to_do(self, database: Database, broker: Broker, redis_server: RedisServer) -> None:
        """Jobs with tickets are left alone, pass after pass."""
        for _ in range(3):
            publish(database, broker, factories.submit(database))

        assert [self.passes(database, broker) for _ in range(2)] == [Report(), Report()]
        assert len(messages(redis_server)) == 3

    def test_never_published(self, database: Database, broker: Broker, redis_server: RedisServer) -> None:
        """Redis was down, or the submitter died before it could send one; the most urgent job is named first."""
        first, second = factories.submit(database), factories.submit(database, priority=9)

        assert self.passes(database, broker) == Report(tickets=2)

        assert messages(redis_server) == [second, first]
        assert self.passes(database, broker) == Report()

    def test_redis_lost_everything(self, database: Database, broker: Broker, redis_server: RedisServer) -> None:
        """All queued jobs have tickets again."""
        job_ids = [factories.submit(database, priority=priority) for priority in (2, 5, 5, 9)]
        publish_many(database, broker, job_ids)
        factories.running(database)
        with redis_server.client() as client:
            client.flushall()

        assert self.passes(database, broker) == Report(tickets=4)

        assert messages(redis_server) == [job_ids[3], job_ids[1], job_ids[2], job_ids[0]]
        assert self.passes(database, broker) == Report()

    def test_no_more_than_workers_can_use(self, database: Database, fake_broker: FakeBroker) -> None:
        """However many jobs wait, and of whatever groups."""
        rows = [factories.job_row(number, priority=number % 3) for number in range(2 * tickets.MOST)]
        factories.insert_jobs(database, rows)

        assert self.passes(database, fake_broker) == Report(tickets=tickets.MOST)

        urgent = sorted(rows, key=lambda row: (-row["priority"], row["id"]))
        assert [message[0] for message in fake_broker.messages] == [row["id"] for row in urgent[: tickets.MOST]]
        assert self.passes(database, fake_broker) == Report()

    @pytest.mark.parametrize("device", ["cuda", "any", "cpu"])
    def test_each_queue_by_itself(self, database: Database, fake_broker: FakeBroker, device: str) -> None:
        """Tickets of one are of no use to the workers of another."""
        others = {"cuda": "cpu", "any": "cpu", "cpu": "any"}
        publish(database, fake_broker, factories.submit(database, resources={"device": others[device]}))
        lost = factories.submit(database, resources={"device": device})

        assert self.passes(database, fake_broker) == Report(tickets=1)
        assert fake_broker.messages[-1][:2] == (lost, device)

    def test_a_ticket_too_many_does_no_harm(
        self, database: Database, broker: Broker, redis_server: RedisServer
    ) -> None:
        """The first has the job claimed, the next finds nothing to do."""
        job_id = factories.submit(database)
        for _ in range(3):
            publish(database, broker, job_id)

        found = [claims.claim_next(database, factories.claimant(), 30) for _ in messages(redis_server)]

        assert [claim is not None for claim in found] == [True, False, False]

    def test_redis_goes_away_in_the_middle(self, database: Database, fake_broker: FakeBroker) -> None:
        """The rest is found by the next pass."""
        factories.submit(database)
        fake_broker.down = True
        assert Reconciler(database, fake_broker, LEASE).run_once() is None

        fake_broker.down = False
        assert self.passes(database, fake_broker) == Report(tickets=1)

    def test_expired_attempts_have_tickets_at_once(
        self, database: Database, broker: Broker, redis_server: RedisServer
    ) -> None:
        """In the same pass."""
        late = factories.running(database, lease_seconds=-1)
        factories.running(database)

        assert self.passes(database, broker, lease_seconds=0.0) == Report(expired=1)

        assert messages(redis_server) == [late.job_id]

    def test_expired_attempts_end_also_while_redis_is_down(self, database: Database, fake_broker: FakeBroker) -> None:
        """The database alone decides; the ticket follows."""
        late = factories.running(database, lease_seconds=-1)
        fake_broker.down = True

        Reconciler(database, fake_broker, 0.0).run_once()

        assert queries.job(database, late.job_id, actor=EVERYBODY)["status"] == "queued"

    def test_the_many_attempts_of_a_host_end_over_several_passes(
        self, database: Database, broker: Broker, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The oldest first; the rest follows with the next pass."""
        monkeypatch.setattr(reconciler, "_MOST_EXPIRED", 3)
        late = [factories.running(database, lease_seconds=-60 + n).job_id for n in range(5)]

        assert self.passes(database, broker, 0.0) == Report(expired=3)
        assert [queries.job(database, job_id, actor=EVERYBODY)["status"] for job_id in late] == ["queued"] * 3 + [
            "running"
        ] * 2
        assert self.passes(database, broker, 0.0) == Report(expired=2)

    def test_a_clock_that_was_set_back(self, database: Database, fake_broker: FakeBroker, jump: Jump) -> None:
        """The rule knows no times."""
        factories.submit(database)
        jump(-3600.0)

        assert self.passes(database, fake_broker) == Report(tickets=1)

    def test_a_job_of_the_release_before(self, database: Database, fake_broker: FakeBroker) -> None:
        """It says nothing of its images: that is made up for, and then anybody who holds them may take it."""
        job_id = factories.submit(database)
        unsaid = update(Job).where(Job.id == job_id).values(data=None, data_key="", published_at=factories.EPOCH)
        database.write(lambda connection: connection.execute(unsaid))

        assert self.passes(database, fake_broker) == Report(tickets=1)
        assert claims.claim_next(database, factories.claimant(holdings=Holdings()), 30) is None
        assert claims.claim_next(database, factories.claimant(), 30) is not None


class TestIdleWorkers:
    """Where some wait for work, a queue gets tickets for what they may take, as many as they are."""

    def register(self, db: Database, name: str, device: str = "cpu", reports: Sequence[dict[str, Any]] = ()) -> None:
        kind = device.partition(":")[0]
        identity = Identity(name, "host", 1, device, kind)
        workers.register(db, identity, device_name=None, versions={}, datasets=reports)

    def added(self, db: Database, broker: FakeBroker) -> list[tuple[str, str]]:
        """What the rule adds, after all earlier tickets have been taken."""
        broker.messages.clear()
        tickets.add_missing(db, broker, silent_seconds=LEASE)
        return [message[:2] for message in broker.messages]

    def test_jobs_for_nobody_who_is_idle_get_none(self, database: Database, fake_broker: FakeBroker) -> None:
        """An idle worker would take the ticket and find nothing for it, again and again."""
        self.register(database, "bare")
        job_id = factories.submit(database)
        assert self.added(database, fake_broker) == []

        self.register(database, "holder", reports=SYNTHETIC)
        assert self.added(database, fake_broker) == [(job_id, "any")] * 2

        factories.claim(database, factories.submit(database), "holder")
        assert self.added(database, fake_broker) == []

    def test_a_queue_that_only_the_busy_serve_is_filled_ahead(
        self, database: Database, fake_broker: FakeBroker
    ) -> None:
        """Whoever ends a job finds a ticket for the next one."""
        self.register(database, "bare")
        self.register(database, "gpu", "cuda:0", SYNTHETIC)
        for_gpu = factories.submit(database, resources={"device": "cuda"})
        factories.try_claim(database, factories.submit(database), factories.claimant("gpu", "cuda:0"), 30)
        assert self.added(database, fake_broker) == [(for_gpu, "cuda")]

    def test_one_that_has_not_reported_lately_is_not_waited_for(
        self, database: Database, fake_broker: FakeBroker
    ) -> None:
        """It is gone, or is told by its own queue's ticket when it comes back."""
        self.register(database, "gone", reports=SYNTHETIC)
        self.register(database, "predictor", reports=SYNTHETIC)
        long_ago = update(Worker).where(Worker.id == "gone").values(last_heartbeat_at=factories.EPOCH)
        predicts = update(Worker).where(Worker.id == "predictor").values(role="predict")
        for statement in (long_ago, predicts):
            database.write(lambda connection, statement=statement: connection.execute(statement))  # type: ignore[misc]
        self.register(database, "bare")
        factories.submit(database)
        assert self.added(database, fake_broker) == []


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

    def test_one_that_ends_gives_up_its_turn(self, database: Database, fake_broker: FakeBroker) -> None:
        """Another one takes over at once."""
        first, second = (Reconciler(database, fake_broker, LEASE) for _ in range(2))
        stops = iter([False, True])
        first.run_until(lambda _seconds: next(stops), 0)
        assert second.run_once() is not None

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
        told.run_until(lambda _seconds: next(stops), 0)

        assert len(passes) == 3
