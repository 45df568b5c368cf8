"""A Redis that does not answer is left alone for a moment, by all that ask it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import redis

from api.http.access.limits import Limits
from shared.delivery.broker import Broker
from shared.delivery.rest import LeftAlone, Rest
from shared.errors import QueueUnavailable
from shared.jobs.status import Queue
from tests.support.concurrency import together
from tests.support.servers import RedisServer


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        """The present time."""
        return self.now


@pytest.fixture
def clock() -> Clock:
    """The clock of the rests."""
    return Clock()


@pytest.fixture
def rest(own_redis: RedisServer, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Iterator[Rest]:
    """When that Redis is left alone: all here wait for it as long as for a ticket, and for one of a busy machine."""
    for place in ("api.http.access.limits", "shared.delivery.rest"):
        monkeypatch.setattr(f"{place}._ANSWER_SECONDS", 1.0)
    rest = Rest(own_redis.url, clock)
    yield rest
    rest.close()


@pytest.fixture
def broker(own_redis: RedisServer, rest: Rest) -> Iterator[Broker]:
    """The queues there."""
    broker = Broker(own_redis.url, rest)
    yield broker
    broker.close()


@pytest.fixture
def limits(own_redis: RedisServer, rest: Rest) -> Iterator[Limits]:
    """The limits that are counted there."""
    limits = Limits(own_redis.url, rest, requests=1000, failed_sign_ins=1000)
    yield limits
    limits.close()


def sends(broker: Broker) -> bool:
    """Whether a ticket could be sent."""
    try:
        broker.enqueue_many([("x", "any", 5)])
    except QueueUnavailable:
        return False
    return True


@pytest.mark.parametrize("first", ["limits", "tickets", "counts"])
def test_whoever_finds_it_frozen_spares_the_others(
    own_redis: RedisServer, broker: Broker, limits: Limits, clock: Clock, first: str
) -> None:
    """Until the rest is over nobody asks, though Redis would answer; then all do again."""
    assert sends(broker)
    assert limits.count("a") is not None
    with own_redis.frozen():
        if first == "limits":
            assert limits.count("a") is None
        elif first == "tickets":
            assert not sends(broker)
        else:
            assert broker.depths() is None

    assert not sends(broker)
    assert broker.depths() is None
    assert limits.count("a") is None

    clock.now += 2

    depths = broker.depths()
    assert depths is not None
    assert depths[Queue.ANY] >= 1
    assert sends(broker)
    assert limits.count("a") is not None


def test_a_frozen_one_is_looked_at_once_a_rest(own_redis: RedisServer, broker: Broker, clock: Clock) -> None:
    """After each rest one caller looks briefly whether Redis answers; a ticket is not tried before it does."""
    with own_redis.frozen():
        assert not sends(broker)
        for _ in range(3):
            clock.now += 2
            together(*[lambda: sends(broker)] * 8)
    clock.now += 2
    assert sends(broker)
    depths = broker.depths()
    assert depths is not None
    assert depths[Queue.ANY] <= 2  # the one that began the rest, which the frozen Redis had received, and the last


def test_a_killed_one_is_used_again_soon_after_its_return(own_redis: RedisServer, broker: Broker, clock: Clock) -> None:
    """A rest never outlasts the outage by more than itself."""
    assert sends(broker)
    own_redis.kill()
    assert not sends(broker)
    clock.now += 2
    assert not sends(broker)
    own_redis.start()
    clock.now += 2

    assert sends(broker)


def test_readiness_is_asked_all_the_same(own_redis: RedisServer, broker: Broker) -> None:
    """Whether Redis answers is asked anew each time."""
    with own_redis.frozen():
        assert not sends(broker)
    broker.ping()


def test_a_mistake_in_a_block_is_no_outage(rest: Rest) -> None:
    """Only failures of Redis begin a rest."""

    def ask(error: Exception) -> None:
        with rest.asking():
            raise error

    with pytest.raises(KeyError):
        ask(KeyError("no failure of Redis"))
    with pytest.raises(redis.TimeoutError):
        ask(redis.TimeoutError())
    with pytest.raises(LeftAlone):
        ask(KeyError("never raised"))
