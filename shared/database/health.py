"""Health of the database as one observer sees it, who may judge others only after a while of health."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

SLOW_SECONDS = 2.0
"""Operations slower than this count as an outage, such as those of a frozen server or behind a held lock."""
_GAP = 0.5
"""Share of a lease without a question that counts as a pause of the observer, and perhaps of the whole machine."""


class HealthClock:
    """Measures for how long the database has answered one observer without a failure, a delay or a pause.

    Only that observer's own questions count, so that other activity of the process has no influence.

    Args:
        lease_seconds: how long a claim holds without a heartbeat. The observer must ask at least four times per lease.
        now: a clock in seconds that does not advance while the machine sleeps.
    """

    def __init__(self, lease_seconds: float, now: Callable[[], float] = time.monotonic) -> None:
        self._longest_gap = _GAP * lease_seconds
        self._now = now
        self._answered: float | None = None
        self.since: float | None = None
        """When, by `now`, the database began to answer; None while it is unavailable."""

    @contextmanager
    def question(self) -> Iterator[None]:
        """Time one question to the database, asked inside the block; any exception counts as no answer."""
        asked = self._now()
        try:
            yield
        except BaseException:
            self.fail()
            raise
        slow = self._now() - asked > min(SLOW_SECONDS, self._longest_gap)
        paused = self._answered is not None and asked - self._answered > self._longest_gap
        self._answered = self._now()
        if self.since is None or slow or paused:
            self.since = self._answered

    def fail(self) -> None:
        """Reset: the database counts as unavailable until its next answer."""
        self.since = None

    def healthy_for(self, seconds: float) -> bool:
        """Whether the database has answered for at least `seconds`."""
        return self.since is not None and self._now() - self.since >= seconds
