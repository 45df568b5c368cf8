"""What the parent sees of its child and of its own connections."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pytest

from shared.timers import Deadline
from tests.support.clocks import Clock
from worker.processes.child_state import ChildState
from worker.processes.child_watch import ChildWatch
from worker.processes.idle_watchdog import LOOK_SECONDS, IdleWatchdog


@pytest.fixture
def process() -> Iterator[subprocess.Popen[bytes]]:
    """Something that lives until it is killed."""
    process = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"])
    yield process
    process.kill()
    process.wait()


class TestLiveness:
    """Looks are half a second apart, as the parent's are."""

    def test_a_silent_database_is_noticed_after_a_while(self, clock: Clock) -> None:
        """Each answer starts the count anew."""
        watchdog = IdleWatchdog(ChildState(), seconds=1.0)
        assert looks(watchdog, clock, 2) == [None, None]
        watchdog.database_answered()
        assert looks(watchdog, clock, 2) == [None, None]
        assert "database" in str(looks(watchdog, clock, 2)[-1])

    def test_a_message_that_is_not_delivered_is_noticed(self, clock: Clock) -> None:
        """It lies there while the child is idle and takes nothing."""
        child_state = ChildState()
        child_state.ready()
        assert "Redis" in str(self._looks(child_state, clock, 4)[-1])

    @pytest.mark.parametrize("why", ["not ready", "nothing waits", "takes others", "at work"])
    def test_a_worker_that_is_not_passed_over_is_left_alone(self, clock: Clock, why: str) -> None:
        """Messages may wait for others, or behind others."""
        child_state = ChildState()
        if why != "not ready":
            child_state.ready()
        if why == "at work":
            with child_state.at_work():
                assert set(self._looks(child_state, clock, 5)) == {None}
            return
        found = self._looks(child_state, clock, 5, waiting=int(why != "nothing waits"), take=why == "takes others")
        assert set(found) == {None}

    def test_a_worker_that_trains_is_left_alone_without_the_database(self, clock: Clock) -> None:
        """Its lease decides: a database that comes back within a minute costs no running job."""
        child_state = ChildState()
        watchdog = IdleWatchdog(child_state, seconds=1.0)
        with child_state.at_work():
            assert set(looks(watchdog, clock, 10)) == {None}

    def test_a_pause_of_its_own_is_not_the_databases_silence(self, clock: Clock) -> None:
        """It was stopped for an hour, and nobody could have answered it."""
        watchdog = IdleWatchdog(ChildState(), seconds=1.5)
        clock.now += 3600.0
        assert set(looks(watchdog, clock, 2)) == {None}

    @staticmethod
    def _looks(
        child_state: ChildState, clock: Clock, count: int, *, waiting: int = 1, take: bool = False
    ) -> list[str | None]:
        watchdog, found = IdleWatchdog(child_state, seconds=1.0), []
        for _ in range(count):
            watchdog.database_answered()
            watchdog.messages_wait(waiting)
            if take:
                with child_state.at_work():
                    pass
            found += looks(watchdog, clock, 1)
        return found


def looks(watchdog: IdleWatchdog, clock: Clock, count: int) -> list[str | None]:
    """What it says, look by look."""
    found = []
    for _ in range(count):
        clock.now += LOOK_SECONDS
        found.append(watchdog.reason_to_exit())
    return found


class TestChildWatch:
    @pytest.fixture
    def child_state(self, process: subprocess.Popen[bytes]) -> ChildState:
        """Of a child that lives."""
        child_state = ChildState()
        child_state.born(process.pid)
        return child_state

    @pytest.fixture
    def watch(self, child_state: ChildState) -> ChildWatch:
        """With two seconds' patience; a look counts for one at most."""
        return ChildWatch(child_state, Deadline(2.0, longest_look=1.0))

    def test_a_death_is_seen_at_once(self, watch: ChildWatch, process: subprocess.Popen[bytes]) -> None:
        """However long the wait is meant to be."""
        threading.Timer(0.01, process.kill).start()
        died_at = watch.wait_for_death(threading.Event())
        assert died_at is not None
        assert died_at.awake <= time.monotonic()

    @pytest.mark.parametrize("end", ["in time", "closed"])
    def test_a_child_that_lives_is_waited_for_no_longer_than_told(self, watch: ChildWatch, end: str) -> None:
        """Nor once the watch is closed."""
        closed = threading.Event()
        if end == "closed":
            threading.Timer(0.01, closed.set).start()
        assert watch.wait_for_death(closed, math.inf if end == "closed" else 0.01) is None

    def test_a_death_is_seen_where_there_are_no_pidfds(
        self, watch: ChildWatch, process: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """As on macOS: by looking, also while the dead child's parent has not noticed."""
        monkeypatch.delattr(os, "pidfd_open", raising=False)
        assert watch.wait_for_death(threading.Event(), 0.01) is None
        process.kill()
        assert watch.wait_for_death(threading.Event()) is not None

    def test_a_death_is_told_once(self, watch: ChildWatch, process: subprocess.Popen[bytes]) -> None:
        """Until there is another child."""
        process.kill()
        process.wait()
        assert watch.wait_for_death(threading.Event()) is not None
        assert watch.wait_for_death(threading.Event(), 0.01) is None
        watch.kill()  # of a process id that is somebody else's by now

    def test_a_working_child_without_a_sign_of_life_is_killed(
        self, watch: ChildWatch, child_state: ChildState, process: subprocess.Popen[bytes], clock: Clock
    ) -> None:
        """Beats and reprieves start the count anew; an idle child has none to give."""

        def look(times: int) -> None:
            for _ in range(times):
                clock.now += 1.0
                watch.kill_if_stuck()

        look(5)
        with child_state.at_work():
            for _ in range(5):
                child_state.beat()
                look(1)
            look(2)
            watch.reprieve()
            clock.now += 1000.0  # a pause of the parent, which counts as one look
            look(2)
            assert process.poll() is None
            look(1)
        assert process.wait(30) == -signal.SIGKILL
