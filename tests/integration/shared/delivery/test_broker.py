"""Messages in a real Redis; and the fake, held to the same."""

from __future__ import annotations

import base64
import contextlib
import itertools
import json
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from celery import Celery

from shared.delivery.broker import Broker, celery_config, queue_keys
from shared.errors import ConfigurationError, QueueUnavailable
from shared.jobs.status import Queue, celery_name
from tests.support.concurrency import together
from tests.support.fakes import FakeBroker
from tests.support.servers import RedisServer, wait_until


@contextmanager
def consumer(url: str) -> Iterator[Celery]:
    """The worker's side: Celery with the very same settings."""
    app = Celery("consumer", set_as_current=False)
    app.conf.update(celery_config(url))
    yield app
    app.close()


def consume(url: str, queues: list[Queue], count: int) -> list[str]:
    """The ids of `count` messages in the order in which a worker would get them, one at a time, acknowledged late."""
    got: list[str] = []

    def take(body: Any, message: Any) -> None:
        [args, _kwargs, _embed] = body
        got.append(args[0])
        message.ack()

    with consumer(url) as app, app.connection_for_read() as connection:
        declared = [app.amqp.queues[celery_name(queue)] for queue in queues]
        with connection.Consumer(declared, callbacks=[take], accept=["json"], prefetch_count=1):
            while len(got) < count:
                connection.drain_events(timeout=10)
    return got


def unavailable(broker: Broker) -> bool:
    """Whether every call says that Redis does not answer; all are made at once, for each may wait for its timeout."""

    def refused(call: Callable[[], object]) -> None:
        with pytest.raises(QueueUnavailable, match="Redis does not answer"):
            call()

    depths: list[object] = []
    together(
        lambda: refused(lambda: broker.enqueue_many([("x", "any", 5)])),
        lambda: refused(broker.ping),
        lambda: depths.append(broker.depths()),
    )
    return depths == [None]


def sends(broker: Broker, job_id: str) -> bool:
    """Whether a ticket for this job could be sent."""
    try:
        broker.enqueue_many([(job_id, "any", 5)])
    except QueueUnavailable:
        return False
    return True


class TestPriorities:
    def test_all_ten_levels_in_exact_order(self, broker: Broker, redis_url: str) -> None:
        """The most urgent first; among equals, the one that came first."""
        messages = [(f"job-{number}", "any", number % 10) for number in range(40)]
        random.Random(3).shuffle(messages)
        broker.enqueue_many(messages)

        got = consume(redis_url, [Queue.ANY], 40)

        assert got == [message[0] for message in sorted(messages, key=lambda message: -message[2])]

    def test_a_late_but_urgent_job_goes_before_all_others(self, broker: Broker, redis_url: str) -> None:
        """A worker that is done with one takes the most urgent of those that wait now."""
        for number in range(3):
            broker.enqueue_many([(f"slow-{number}", "cpu", 0)])
        assert consume(redis_url, [Queue.CPU], 1) == ["slow-0"]

        broker.enqueue_many([("urgent", "cpu", 9)])

        assert consume(redis_url, [Queue.CPU], 3) == ["urgent", "slow-1", "slow-2"]

    def test_a_worker_sees_its_own_queues_alone(self, broker: Broker, redis_url: str) -> None:
        """A job for a GPU waits for one."""
        broker.enqueue_many([("gpu", "cuda", 9), ("both", "any", 1), ("cpu", "cpu", 5)])

        assert set(consume(redis_url, [Queue.ANY, Queue.CPU], 2)) == {"both", "cpu"}
        assert broker.depths() == {Queue.ANY: 0, Queue.CPU: 0, Queue.CUDA: 1}


class TestMessages:
    def test_only_the_id_travels(self, broker: Broker, redis_server: RedisServer, redis_url: str) -> None:
        """What a job is, the database says."""
        broker.enqueue_many([("0192-the-id", "any", 5)])

        with redis_server.client() as client:
            [raw] = client.lrange(queue_keys(Queue.ANY)[4], 0, -1)
        message = json.loads(raw)
        body = json.loads(base64.b64decode(message["body"]))
        assert body[:2] == [["0192-the-id"], {}]
        assert message["headers"]["task"] == "flightline.train"
        assert message["content-type"] == "application/json"
        assert len(raw) < 2000

    def test_names_and_depths_are_kombus_own(self, broker: Broker, redis_url: str) -> None:
        """What we count is what workers read."""
        pairs = itertools.product(Queue, range(10))
        broker.enqueue_many([("x", queue, priority) for queue, priority in pairs for _ in range(priority)])

        with consumer(redis_url) as app, app.connection_for_read() as connection:
            channel: Any = connection.default_channel
            for queue in Queue:
                assert [channel._q_for_pri(celery_name(queue), step) for step in range(10)] == queue_keys(queue)
            sizes = {queue: channel._size(celery_name(queue)) for queue in Queue}

        assert broker.depths() == sizes == dict.fromkeys(Queue, 45)

    def test_a_message_outlives_its_worker(self, broker: Broker, redis_url: str) -> None:
        """One that was not acknowledged goes back when its worker leaves in good order."""
        broker.enqueue_many([("held", "any", 5)])

        with consumer(redis_url) as app, app.connection_for_read() as connection:
            got: list[Any] = []
            taker = connection.Consumer([app.amqp.queues["flightline.any"]], accept=["json"], prefetch_count=1)
            taker.register_callback(lambda _body, message: got.append(message))
            with taker:
                wait_until(lambda: _drain(connection) and got, "the message")
            got[0].requeue()

        assert consume(redis_url, [Queue.ANY], 1) == ["held"]


def _drain(connection: Any) -> bool:
    connection.drain_events(timeout=10)
    return True


class TestOutages:
    def test_down(self, own_redis: RedisServer) -> None:
        """Every call says so at once, and works again soon after Redis does."""
        broker = Broker(own_redis.url)
        broker.enqueue_many([("a", "any", 5)])
        own_redis.kill()

        assert unavailable(broker)

        own_redis.start()
        broker.ping()
        wait_until(lambda: sends(broker, "c"), "the end of the rest")
        assert broker.depths() == {Queue.ANY: 1, Queue.CPU: 0, Queue.CUDA: 0}  # without persistence "a" is gone
        broker.close()

    def test_restarted_between_two_messages(self, own_redis: RedisServer) -> None:
        """A connection that has died unnoticed costs no message."""
        broker = Broker(own_redis.url)
        broker.enqueue_many([("a", "any", 5)])
        own_redis.kill()
        own_redis.start()

        broker.enqueue_many([("b", "any", 5)])

        assert consume(own_redis.url, [Queue.ANY], 1) == ["b"]
        broker.close()

    @pytest.mark.timeout(60)
    def test_frozen(self, own_redis: RedisServer) -> None:
        """A Redis that holds its connections and says nothing is given up after the socket's timeout."""
        broker = Broker(own_redis.url)
        broker.enqueue_many([("a", "any", 5)])

        with own_redis.frozen():
            assert unavailable(broker)

        wait_until(lambda: sends(broker, "c"), "the end of the rest")
        assert consume(own_redis.url, [Queue.ANY], 2)[0] == "a"
        broker.close()

    def test_a_disk_that_is_full(self, own_redis: RedisServer) -> None:
        """A Redis that refuses writes is an outage to whoever publishes and to a worker, not a wrong command."""
        with contextlib.closing(Broker(own_redis.url)) as broker, own_redis.client() as client:
            client.config_set("save", "3600 1")
            (own_redis.folder / "dump.rdb" / "in the way").mkdir(parents=True)
            client.bgsave()
            wait_until(lambda: client.info()["rdb_last_bgsave_status"] == "err", "a save that failed")

            with pytest.raises(QueueUnavailable, match="unable to persist"):
                broker.enqueue_many([("1", "any", 5)])
            with consumer(own_redis.url) as app, app.connection_for_read() as connection:
                outages = connection.connection_errors
            with pytest.raises(outages):
                client.rpush("key", "value")

            (own_redis.folder / "dump.rdb" / "in the way").rmdir()
            (own_redis.folder / "dump.rdb").rmdir()
            client.bgsave()
            wait_until(lambda: client.info()["rdb_last_bgsave_status"] == "ok", "a save")
            wait_until(lambda: sends(broker, "1"), "the end of the rest")

    def test_nobody_there(self) -> None:
        """The message has no password in it."""
        broker = Broker("redis://:geheim@127.0.0.1:1/0")

        with pytest.raises(QueueUnavailable) as caught:
            broker.enqueue_many([("a", "any", 5)])
        assert "geheim" not in caught.value.detail
        broker.close()

    @pytest.mark.parametrize("url", ["", "localhost:6379", "amqp://localhost", "http://localhost"])
    def test_what_is_no_redis_url(self, url: str) -> None:
        """Is refused by the variable's name."""
        with pytest.raises(ConfigurationError, match="FLIGHTLINE_REDIS_URL"):
            Broker(url)


@pytest.fixture(params=["real", "fake"])
def any_broker(request: pytest.FixtureRequest) -> Broker:
    """Both."""
    broker: Broker = request.getfixturevalue("broker" if request.param == "real" else "fake_broker")
    return broker


class TestContract:
    def test_depths(self, any_broker: Broker) -> None:
        """Every queue is counted, also an empty one."""
        assert any_broker.depths() == dict.fromkeys(Queue, 0)

        any_broker.enqueue_many([("a", "any", 0), ("b", "any", 9), ("c", "cuda", 5)])
        any_broker.enqueue_many([("d", "any", 5)])

        assert any_broker.depths() == {Queue.ANY: 3, Queue.CPU: 0, Queue.CUDA: 1}

    def test_a_queue_that_there_is_not(self, any_broker: Broker) -> None:
        """Is a mistake, not an outage."""
        with pytest.raises(ValueError, match="gpu"):
            any_broker.enqueue_many([("a", "gpu", 5)])

    def test_it_answers(self, any_broker: Broker) -> None:
        """And can be closed."""
        any_broker.ping()
        any_broker.close()


def test_the_fake_can_be_down(fake_broker: FakeBroker) -> None:
    """As the real one is."""
    fake_broker.enqueue_many([("a", "any", 5)])
    fake_broker.down = True

    assert unavailable(fake_broker)

    fake_broker.down = False
    assert (fake_broker.take("cpu"), fake_broker.take(), fake_broker.take()) == (None, "a", None)
