"""Calls made in a thread that keeps no process from ending."""

import threading

import pytest

from shared.daemon_thread import DaemonThread


def test_it_does_one_thing_after_another() -> None:
    """What was given up goes on, and the next waits for it; what was given up before its turn never runs."""
    thread, gate, done = DaemonThread(), threading.Event(), list[str]()
    first = thread.submit(lambda: gate.wait(30.0) and done.append("first"))  # type: ignore[func-returns-value]
    second = thread.submit(lambda: done.append("second"))
    third = thread.submit(lambda: done.append("third"))
    second.cancel()
    gate.set()
    third.result(30.0)
    assert first.done()
    assert done == ["first", "third"]


def test_errors_come_back() -> None:
    """And the thread lives on."""
    thread = DaemonThread()
    with pytest.raises(ZeroDivisionError):
        thread.submit(lambda: 1 / 0).result(30.0)
    assert thread.submit(lambda: "next").result(30.0) == "next"
