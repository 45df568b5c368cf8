"""Patience with a service that is away: one that is restarted, or whose database moves."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from flightline.errors import ApiError, NotReachable, Unavailable

T = TypeVar("T")

PATIENCE_SECONDS = 60.0
RETRY_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 10.0  # whatever the service asks for: patience must be able to end

AWAY = (NotReachable, Unavailable)
"""What a service that will be back answers, or does not."""


class Patience:
    """How long a service has been away; `renew` it whenever there is an answer."""

    def __init__(self) -> None:
        self._since: float | None = None

    def renew(self) -> None:
        """The service is there."""
        self._since = None

    def pause(self, error: NotReachable | Unavailable) -> None:
        """Wait before asking again, as long as the answer says; raise `error` after `PATIENCE_SECONDS` of this."""
        now = time.monotonic()
        self._since = now if self._since is None else self._since
        if now - self._since >= PATIENCE_SECONDS:
            raise error
        asked = error.retry_after if isinstance(error, ApiError) else None
        time.sleep(RETRY_SECONDS if asked is None else min(asked, LONGEST_PAUSE_SECONDS))


def patiently(read: Callable[..., T], *arguments: object) -> T:
    """What `read` returns, asking again while the service is away."""
    patience = Patience()
    while True:
        try:
            return read(*arguments)
        except AWAY as error:
            patience.pause(error)
