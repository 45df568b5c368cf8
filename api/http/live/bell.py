"""The bell: a stream of server-sent events that says which jobs and sweeps have changed, but not how."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator

import orjson

RETRY = b"retry: 1000\n\n"
"""Tells a browser how long to wait before it reconnects."""
KEEP_ALIVE = b": keep-alive\n\n"
KEEP_ALIVE_SECONDS = 15.0
"""Seconds between comments on an idle stream: proxies close idle ones, and only a write detects a lost reader."""
RING_SECONDS = 0.25
"""Least seconds between two rings to one listener."""
MOST_IDS = 1000
"""Most ids of one ring; where more jobs have changed, the listener is told to read all again."""


class Listener:
    """A listener to the bell. What rings while its reader is slow is sent as one ring."""

    def __init__(self) -> None:
        self._changed: set[str] | None = set()
        """The jobs that have changed since the last ring that was sent; None where anything may have."""
        self._sweeps: set[str] = set()
        """The sweeps that have changed since then."""
        self._ended = False
        self._news = threading.Condition()

    def ring(self, changed: Collection[str] | None, sweeps: Collection[str] = ()) -> None:
        """Tell the listener which jobs and sweeps have changed, if any have; None where anything may have."""
        with self._news:
            self._sweeps.update(sweeps)
            if changed is None or self._changed is None:
                self._changed = None
            else:
                together = self._changed.union(changed)
                self._changed = together if len(together) + len(self._sweeps) <= MOST_IDS else None
            self._news.notify()

    def end(self) -> None:
        """End the listener's loop."""
        with self._news:
            self._ended = True
            self._news.notify()

    def frames(self) -> Iterator[bytes]:
        """Yield the bell as server-sent events until it ends: `reset` (read all again), or ids of jobs and sweeps."""
        yield RETRY
        while True:
            with self._news:
                rung = self._news.wait_for(self._has_news, KEEP_ALIVE_SECONDS)
                ended, changed, sweeps = self._ended, self._changed, self._sweeps
                self._changed, self._sweeps = set(), set()
            if ended:
                return
            yield _ring(changed, sweeps) if rung else KEEP_ALIVE
            with self._news:
                self._news.wait_for(lambda: self._ended, RING_SECONDS)

    def _has_news(self) -> bool:
        return self._ended or self._changed is None or bool(self._changed) or bool(self._sweeps)


def _ring(changed: Collection[str] | None, sweeps: Collection[str]) -> bytes:
    if changed is None:
        return b"event: reset\ndata: {}\n\n"
    named = ((b"jobs", changed), (b"sweeps", sweeps))
    return b"".join(
        b"event: %s\ndata: %s\n\n" % (kind, orjson.dumps({"ids": sorted(ids)})) for kind, ids in named if ids
    )
