"""What one token and one address may ask within a minute, counted in a real Redis."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from itertools import count
from time import monotonic

import pytest

from api.http.access import limits
from api.http.access.limits import Limits
from shared.delivery.rest import Rest
from shared.errors import TooManyFailedSignIns, TooManyRequests
from tests.support.servers import RedisServer, wait_until

MakeLimits = Callable[..., Limits]
Clock = Callable[[], float]
_minutes = count(1_000_000)


@pytest.fixture
def minute(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Hold the clock in a minute of the test's own; call it for the next one."""

    def next_minute() -> None:
        present = next(_minutes)
        monkeypatch.setattr(limits, "_now", lambda: (present, 30))

    next_minute()
    return next_minute


@pytest.fixture
def make(redis_url: str, minute: object, monkeypatch: pytest.MonkeyPatch) -> Iterator[MakeLimits]:
    """Makes the counts of one process, which has the patience that a Redis on a busy machine may need."""

    def make(
        url: str = redis_url,
        *,
        requests: int = 3,
        failed_sign_ins: int = 3,
        clock: Clock = monotonic,
        answer_seconds: float = 60.0,
    ) -> Limits:
        for place in ("api.http.access.limits", "shared.delivery.rest"):
            monkeypatch.setattr(f"{place}._ANSWER_SECONDS", answer_seconds)
        rest = closing.enter_context(contextlib.closing(Rest(url, clock)))
        made = Limits(url, rest, requests=requests, failed_sign_ins=failed_sign_ins)
        return closing.enter_context(contextlib.closing(made))

    with contextlib.ExitStack() as closing:
        yield make


def test_a_token_has_its_requests_of_a_minute(make: MakeLimits, minute: Callable[[], None]) -> None:
    """All processes count together, each token by itself, and each minute anew."""
    one, other = make(), make()
    rooms = [process.count("a") for process in (one, other, one)]
    assert [room.remaining for room in rooms if room] == [2, 1, 0]
    with pytest.raises(TooManyRequests, match="FLIGHTLINE_REQUESTS_PER_MINUTE") as refused:
        other.count("a")
    assert refused.value.retry_after == 30
    assert one.count("b") is not None

    minute()

    assert one.count("a") == limits.Room(limit=3, remaining=2, seconds=30)


def test_without_a_limit_nothing_is_counted(make: MakeLimits) -> None:
    """Redis is not asked, and nobody is refused."""
    free = make("unix:///nowhere", requests=0, failed_sign_ins=0)
    for _ in range(10):
        assert free.count("a") is None
        free.failed_sign_in("192.0.2.1")
        free.refuse_address("192.0.2.1")


def refused(process: Limits, address: str) -> bool:
    """Whether an address is refused."""
    try:
        process.refuse_address(address)
    except TooManyFailedSignIns as error:
        return error.retry_after == 30
    return False


def test_an_address_is_refused_after_its_failed_sign_ins(make: MakeLimits, minute: Callable[[], None]) -> None:
    """For the rest of the minute, and it alone."""
    process = make()
    for _ in range(3):
        assert not refused(process, "192.0.2.1")
        process.failed_sign_in("192.0.2.1")

    assert refused(process, "192.0.2.1")
    assert not refused(process, "192.0.2.2")

    minute()

    assert not refused(process, "192.0.2.1")


def test_all_processes_count_an_address_together(make: MakeLimits) -> None:
    """A process learns of the others' failed sign-ins with the first of its own."""
    one, other = make(), make()
    for _ in range(3):
        one.failed_sign_in("192.0.2.1")
    other.failed_sign_in("192.0.2.1")

    assert refused(other, "192.0.2.1")


def test_an_address_over_the_limit_costs_no_call(make: MakeLimits, redis_server: RedisServer) -> None:
    """Ten thousand wrong tokens are counted in the process alone."""
    process = make()
    for _ in range(10_000):
        process.failed_sign_in("192.0.2.1")

    assert refused(process, "192.0.2.1")
    with redis_server.client() as client:
        [counted] = [int(client.get(key) or 0) for key in client.keys("flightline:limits*failed*")]
    assert counted == 3


def test_one_ipv6_network_counts_as_one_address(make: MakeLimits) -> None:
    """A client has as many addresses there as it likes."""
    process = make()
    for number in range(3):
        process.failed_sign_in(f"2001:db8:0:1::{number}")

    assert refused(process, "2001:db8:0:1:ffff::9")
    assert not refused(process, "2001:db8:0:2::1")


def test_without_redis_nobody_waits_or_is_refused(
    own_redis: RedisServer, make: MakeLimits, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A frozen Redis is asked once and then left alone for a while; failed sign-ins are still counted here."""
    now = 100.0
    process = make(own_redis.url, requests=1000, clock=lambda: now, answer_seconds=0.2)

    def counts_after_a_rest() -> bool:
        nonlocal now
        now += 2
        return process.count("a") is not None

    wait_until(counts_after_a_rest, "a Redis that answers")
    asked: list[str] = []
    storage = process._shared._storage
    incr = storage.incr

    def ask(key: str, expiry: int) -> int:
        asked.append(key)
        return incr(key, expiry)

    monkeypatch.setattr(storage, "incr", ask)
    with own_redis.frozen():
        assert [process.count("a") for _ in range(100)] == [None] * 100
        assert len(asked) == 1
        for _ in range(3):
            process.failed_sign_in("192.0.2.1")
        assert refused(process, "192.0.2.1")
        assert len(asked) == 1

    wait_until(counts_after_a_rest, "the end of the rest")
