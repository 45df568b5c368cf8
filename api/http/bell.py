"""The bell: a stream of server-sent events that says which jobs have changed, but not how."""

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
        """The jobs that have changed since the last ring that was sent; None where any may have."""
        self._ended = False
        self._news = threading.Condition()

    def ring(self, changed: Collection[str] | None) -> None:
        """Tell the listener which jobs have changed, if any have; None where any may have."""
        with self._news:
            if changed is None or self._changed is None:
                self._changed = None
            else:
                together = self._changed.union(changed)
                self._changed = together if len(together) <= MOST_IDS else None
            self._news.notify()

    def end(self) -> None:
        """End the listener's loop."""
        with self._news:
            self._ended = True
            self._news.notify()

    def frames(self) -> Iterator[bytes]:
        """Yield the bell as server-sent events until it ends: `reset` to read all again, or `jobs` with their ids."""
        yield RETRY
        while True:
            with self._news:
                rung = self._news.wait_for(self._has_news, KEEP_ALIVE_SECONDS)
                ended, changed, self._changed = self._ended, self._changed, set()
            if ended:
                return
            yield _ring(changed) if rung else KEEP_ALIVE
            with self._news:
                self._news.wait_for(lambda: self._ended, RING_SECONDS)

    def _has_news(self) -> bool:
        return self._ended or self._changed is None or bool(self._changed)


def _ring(changed: Collection[str] | None) -> bytes:
    if changed is None:
        return b"event: reset\ndata: {}\n\n"
    return b"event: jobs\ndata: %s\n\n" % orjson.dumps({"ids": sorted(changed)})
