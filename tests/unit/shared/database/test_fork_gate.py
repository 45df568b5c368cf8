"""The gate that keeps forks out of transactions."""

from __future__ import annotations

import threading
import weakref

import pytest

from shared.database.fork_gate import ForkGate
from tests.support.servers import wait_until


class Watched(ForkGate):
    """A gate that notes when it closes what must not cross a fork."""

    def __init__(self) -> None:
        super().__init__()
        self.closed = 0
        self.close_before(self)

    def before_fork(self) -> None:
        """Called right before the fork."""
        self.closed += 1


def pretend_to_fork(gate: ForkGate) -> None:
    """What happens around one."""
    gate.shut()
    gate.open()


def test_a_fork_waits_for_those_inside() -> None:
    """And lets nobody in meanwhile."""
    gate = Watched()
    leave, entered, came_later = threading.Event(), threading.Event(), threading.Event()

    def stay() -> None:
        with gate.inside():
            entered.set()
            leave.wait()

    def come_later() -> None:
        with gate.inside():
            came_later.set()

    fork = threading.Thread(target=pretend_to_fork, args=(gate,))
    threads = [threading.Thread(target=stay), fork, threading.Thread(target=come_later)]
    threads[0].start()
    entered.wait()
    threads[1].start()
    wait_until(lambda: gate._closing, "the fork's wait")
    threads[2].start()
    assert gate.closed == 0
    assert not came_later.is_set()

    leave.set()
    for thread in threads:
        thread.join()
    assert gate.closed == 1
    assert came_later.is_set()


def test_who_is_inside_may_go_further_in() -> None:
    """A read within a read, while somebody waits to fork."""
    gate = Watched()

    with gate.inside():
        fork = threading.Thread(target=pretend_to_fork, args=(gate,))
        fork.start()
        wait_until(lambda: gate._closing, "the fork's wait")
        with gate.inside():
            pass
    fork.join()
    assert gate.closed == 1


def test_one_may_fork_inside() -> None:
    """It would otherwise wait for itself."""
    gate = Watched()

    with gate.inside():
        gate.shut()
        gate.open()

    assert gate.closed == 1


def test_the_child_resets_its_gate() -> None:
    """Threads of the parent that were inside do not exist in the child, and do not delay its forks."""
    gate = Watched()
    gate._threads[1] = 1

    gate.reset()

    pretend_to_fork(gate)
    assert gate.closed == 1


def test_what_is_gone_is_not_closed() -> None:
    """The gate keeps nothing alive."""
    gate, other = ForkGate(), Watched()
    gate.close_before(other)
    pretend_to_fork(gate)
    assert other.closed == 1

    gone = weakref.ref(other)
    del other
    assert gone() is None
    pretend_to_fork(gate)


def test_a_wait_ends(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that stands still holds a fork up for long, but not for ever."""
    monkeypatch.setattr("shared.database.fork_gate._WAIT_SECONDS", 0.01)
    gate = Watched()
    gate._threads[1] = 1

    pretend_to_fork(gate)

    assert gate.closed == 1
    assert "fork_amid_work" in caplog.text
