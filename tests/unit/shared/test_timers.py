"""Durations, and what a pause adds to them."""

from __future__ import annotations

import time

import pytest

from shared.timers import Deadline, Moment
from tests.support.clocks import Clock


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """All clocks of this machine."""
    clock = Clock()
    monkeypatch.setattr("shared.timers.time", clock)
    return clock


class TestMoment:
    @pytest.mark.parametrize(
        "awake, asleep, by_hand, age, elapsed",
        [
            (5.0, 0.0, 0.0, 5.0, 5.0),
            (5.0, 60.0, 0.0, 65.0, 65.0),
            (5.0, 0.0, 60.0, 65.0, 5.0),
            (5.0, 0.0, -60.0, 5.0, 5.0),
        ],
        ids=["nothing", "sleep", "set ahead", "set back"],
    )
    def test_its_age(
        self, clock: Clock, awake: float, asleep: float, by_hand: float, age: float, elapsed: float
    ) -> None:
        """No clock of the machine can make it younger; the time elapsed is that of the clock that nobody sets."""
        moment = Moment.now()
        clock.now += awake
        clock.asleep += asleep
        clock.set_by_hand += by_hand
        assert (moment.age(), moment.elapsed()) == (age, elapsed)

    def test_this_machine_has_all_of_the_clocks(self) -> None:
        """And they go on."""
        before = Moment.now()
        while time.monotonic() == before.awake:
            pass
        assert before.age() > 0.0
        assert before.elapsed() >= 0.0


class TestDeadline:
    def test_it_runs_out_while_it_is_looked_at(self, clock: Clock) -> None:
        """Unless it is started again."""
        deadline = Deadline(3.0, longest_look=1.0)
        assert not any(self._looks(deadline, clock, 3))
        assert self._looks(deadline, clock, 1) == [True]
        deadline.restart()
        assert not any(self._looks(deadline, clock, 3))

    def test_a_pause_counts_as_one_look(self, clock: Clock) -> None:
        """Nobody could have been heard in it."""
        deadline = Deadline(3.0, longest_look=1.0)
        clock.now += 1000.0
        assert not any(self._looks(deadline, clock, 3))
        assert self._looks(deadline, clock, 1) == [True]

    @staticmethod
    def _looks(deadline: Deadline, clock: Clock, count: int) -> list[bool]:
        looks = []
        for _ in range(count):
            clock.now += 1.0
            looks.append(deadline.is_over())
        return looks
