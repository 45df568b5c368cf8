"""For how long the database has answered one observer, who may say that others are late only after a while of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

SLOW_SECONDS = 2.0
"""An answer that took longer, such as one of a frozen server or behind a held lock, was an outage as well."""
_GAP = 0.5
"""Part of a lease between two questions after which the observer was paused, and with it perhaps everybody else."""


class HealthClock:
    """Counts since when the database has answered one observer, without a failure, a delay or a pause in between.

    It is fed by that observer's own questions and nobody else's, so that what else goes on in the process has no say.

    Args:
        lease_seconds: how long a claim holds without a heartbeat. The observer must ask at least four times in it.
        now: a clock in seconds that stands still while the machine sleeps.
    """

    def __init__(self, lease_seconds: float, now: Callable[[], float] = time.monotonic) -> None:
        self._longest_gap = _GAP * lease_seconds
        self._now = now
        self._answered: float | None = None
        self.since: float | None = None
        """When, by `now`, the database began to answer; None while it does not."""

    @contextmanager
    def question(self) -> Iterator[None]:
        """Put one question to the database inside; whatever is raised counts as no answer."""
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
        """Count anew from the next answer."""
        self.since = None

    def healthy_for(self, seconds: float) -> bool:
        """Whether the database has answered for so long."""
        return self.since is not None and self._now() - self.since >= seconds
