"""Ctrl-C and SIGTERM as a count that is looked at, never an exception in the middle of something."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass
class StopRequests:
    """How often this process was asked to stop: once is orderly, twice is quickly, three times is now."""

    count: int = 0

    def __bool__(self) -> bool:
        return self.count > 0


@contextmanager
def stop_requests() -> Iterator[StopRequests]:
    """Count stop signals for as long as this lasts. Only in the main thread."""
    requests = StopRequests()

    def count(_signal: int, _frame: FrameType | None) -> None:
        requests.count += 1

    before = {number: signal.signal(number, count) for number in STOP_SIGNALS}
    try:
        yield requests
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
