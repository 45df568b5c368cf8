"""What a listener to the bell is sent."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from api.http.live import bell
from api.http.live.bell import Listener


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """No pause between rings."""
    monkeypatch.setattr(bell, "RING_SECONDS", 0.0)


def begun(listener: Listener) -> Iterator[bytes]:
    """Its frames after the first, which tells a browser when to reconnect."""
    frames = listener.frames()
    assert next(frames) == b"retry: 1000\n\n"
    return frames


def test_changes_add_up_until_they_are_sent() -> None:
    """Each job once, and none again."""
    listener = Listener()
    frames = begun(listener)
    for changed in (["b"], ["a", "b"], []):
        listener.ring(changed)
    assert next(frames) == b'event: jobs\ndata: {"ids":["a","b"]}\n\n'
    listener.ring(["c"])
    assert next(frames) == b'event: jobs\ndata: {"ids":["c"]}\n\n'


def test_all_swallows_what_is_named_beside_it() -> None:
    """Before or after."""
    listener = Listener()
    frames = begun(listener)
    for changed in (["a"], None, ["b"]):
        listener.ring(changed)
    assert next(frames) == b"event: reset\ndata: {}\n\n"
    listener.ring(["c"])
    assert next(frames) == b'event: jobs\ndata: {"ids":["c"]}\n\n'


def test_more_jobs_than_are_worth_naming(monkeypatch: pytest.MonkeyPatch) -> None:
    """In one ring or in several that add up."""
    monkeypatch.setattr(bell, "MOST_IDS", 2)
    listener = Listener()
    frames = begun(listener)
    listener.ring(["a", "b"])
    listener.ring(["b", "a"])
    assert b"jobs" in next(frames)
    listener.ring(["a", "b"])
    listener.ring(["c"])
    assert b"reset" in next(frames)


def test_an_idle_stream_is_kept_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    """By a comment, which only a reader that is still there takes; a ring of nothing is none."""
    monkeypatch.setattr(bell, "KEEP_ALIVE_SECONDS", 0.01)
    listener = Listener()
    frames = begun(listener)
    listener.ring([])
    assert next(frames) == b": keep-alive\n\n"


def test_a_stream_ends_with_the_process() -> None:
    """Though it waits for news."""
    listener = Listener()
    frames = begun(listener)
    threading.Timer(0.05, listener.end).start()
    assert list(frames) == []


def test_rings_are_not_nearer_to_each_other_than_they_may(monkeypatch: pytest.MonkeyPatch) -> None:
    """What comes meanwhile is one ring, later."""
    monkeypatch.setattr(bell, "RING_SECONDS", 3600.0)
    listener = Listener()
    frames = begun(listener)
    listener.ring(["a"])
    assert b'"a"' in next(frames)
    seen: list[bytes] = []
    reader = threading.Thread(target=lambda: seen.extend(frames))
    reader.start()
    listener.ring(["b"])
    listener.end()
    reader.join()
    assert seen == []


def test_sweeps_ring_beside_jobs() -> None:
    """Each kind has a frame of its own; all swallows both."""
    listener = Listener()
    frames = begun(listener)
    listener.ring(["b"], ["s"])
    listener.ring([], ["r"])
    assert next(frames) == b'event: jobs\ndata: {"ids":["b"]}\n\nevent: sweeps\ndata: {"ids":["r","s"]}\n\n'
    listener.ring([], ["s"])
    assert next(frames) == b'event: sweeps\ndata: {"ids":["s"]}\n\n'
    listener.ring([], ["s"])
    listener.ring(None)
    assert next(frames) == b"event: reset\ndata: {}\n\n"
