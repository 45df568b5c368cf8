"""From a committed row to a message in Redis, on both databases."""

from __future__ import annotations

import pytest

from shared.database.engine import Database
from shared.delivery import tickets
from shared.delivery.broker import Broker
from shared.delivery.publisher import publish, publish_many
from shared.errors import DatabaseUnavailable
from shared.jobs.status import Queue
from tests.integration.shared.delivery.messages import messages
from tests.support import factories
from tests.support.fakes import FakeBroker
from tests.support.servers import RedisServer


class TestPublish:
    def test_a_queued_job_has_a_message(self, database: Database, broker: Broker, redis_server: RedisServer) -> None:
        """In its own queue."""
        job_id = factories.submit(database, resources={"device": "cpu"})

        assert publish(database, broker, job_id)

        assert messages(redis_server, Queue.CPU) == [job_id]

    def test_the_most_urgent_and_oldest_first(
        self, database: Database, broker: Broker, redis_server: RedisServer
    ) -> None:
        """Whatever the order in which they are named."""
        slow, first, second, urgent = (factories.submit(database, priority=priority) for priority in (1, 5, 5, 9))

        publish_many(database, broker, [second, slow, urgent, first])

        assert messages(redis_server) == [urgent, first, second, slow]

    def test_a_job_that_does_not_wait_gets_none(
        self, database: Database, broker: Broker, redis_server: RedisServer
    ) -> None:
        """Running, finished or gone."""
        running = factories.running(database).job_id
        done = factories.succeed(database, factories.running(database))

        assert publish_many(database, broker, [running, done, "nobody"])

        assert messages(redis_server) == []

    def test_of_many_the_first_get_one(self, database: Database, fake_broker: FakeBroker) -> None:
        """In each queue as many as workers could use."""
        rows = [factories.job_row(n, queue=("any", "cpu")[n % 2]) for n in range(3 * tickets.MOST)]
        assert publish_many(database, fake_broker, factories.insert_jobs(database, rows))
        expected = [row["id"] for row in rows[: 2 * tickets.MOST]]
        assert [message[0] for message in fake_broker.messages] == expected

    def test_redis_down_is_no_error(self, database: Database, fake_broker: FakeBroker) -> None:
        """The job stays found."""
        job_id = factories.submit(database)
        fake_broker.down = True

        assert not publish(database, fake_broker, job_id)
        assert not fake_broker.messages

    def test_the_database_down_is_no_error(
        self, database: Database, fake_broker: FakeBroker, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The job has been accepted: its ticket can wait."""
        job_id = factories.submit(database)

        def fail() -> None:
            raise DatabaseUnavailable("gone")

        monkeypatch.setattr(database, "read", fail)
        assert not publish(database, fake_broker, job_id)
        assert not fake_broker.messages
