"""Since when the database has answered one observer."""

from __future__ import annotations

from typing import Any

import pytest

from shared.database.health import HealthClock
from tests.support.clocks import Clock

LEASE = 15.0


@pytest.fixture
def clock() -> Clock:
    """What the observer's time is measured by."""
    return Clock()


@pytest.fixture
def health(clock: Clock) -> HealthClock:
    """One that has been answered once a second, for a minute."""
    health = HealthClock(LEASE, clock)
    ask(health, clock, times=60)
    assert health.healthy_for(59.0)
    return health


def ask(health: HealthClock, clock: Clock, *, takes: float = 0.0, after: float = 1.0, times: int = 1) -> None:
    """Put questions, each so long after the last answer, and answered after so long."""
    for _ in range(times):
        clock.now += after
        with health.question():
            clock.now += takes


def test_it_is_counted_from_the_first_answer(clock: Clock) -> None:
    """Who has just begun cannot say who is late."""
    health = HealthClock(LEASE, clock)
    clock.now += 1000.0
    assert not health.healthy_for(0.0)
    ask(health, clock)
    assert health.healthy_for(0.0)
    assert not health.healthy_for(0.1)


def test_a_failure_is_an_outage(health: HealthClock, clock: Clock) -> None:
    """Of a question, or of anything else that the observer says was one."""
    with pytest.raises(KeyError), health.question():
        raise KeyError
    assert not health.healthy_for(0.0)
    ask(health, clock)
    assert health.healthy_for(0.0)
    assert not health.healthy_for(0.5)

    health.fail()
    assert not health.healthy_for(0.0)


@pytest.mark.parametrize("ill", [{"takes": 2.1}, {"after": LEASE / 2 + 0.1}], ids=["slow", "paused"])
def test_what_counts_as_an_outage(health: HealthClock, clock: Clock, ill: dict[str, Any]) -> None:
    """A late answer, and a question after a pause in which everybody may have stood still."""
    ask(health, clock, **ill)
    assert not health.healthy_for(0.1)
    ask(health, clock, times=15)
    assert health.healthy_for(LEASE)


@pytest.mark.parametrize("well", [{"takes": 1.9}, {"after": LEASE / 2 - 0.1}], ids=["slow", "paused"])
def test_what_does_not(health: HealthClock, clock: Clock, well: dict[str, Any]) -> None:
    """Delays of a busy machine."""
    ask(health, clock, **well, times=5)
    assert health.healthy_for(60.0)


def test_with_a_short_lease_little_is_late(clock: Clock) -> None:
    """A second is all that such an owner has."""
    health = HealthClock(1.0, clock)
    ask(health, clock, after=0.2, times=10)
    ask(health, clock, after=0.2, takes=0.6)
    assert not health.healthy_for(0.1)
