"""Patience with a service that is unavailable: one that is restarted, or whose database moves."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from flightline.errors import AnswerLost, ApiError, FlightlineError, NotReachable, Unavailable

T = TypeVar("T")

PATIENCE_SECONDS = 60.0
SENDING_SECONDS = 15.0  # somebody waits for a submission, and nothing is there yet that would be lost
RETRY_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 10.0  # whatever the service asks for: patience must be able to end

AWAY = (NotReachable, Unavailable)
"""What a service that will be back answers, or does not."""
IN_PROGRESS = "idempotency_key_in_use"


class Patience:
    """How long a service has been unavailable; `renew` it whenever there is an answer.

    Args:
        seconds: how long it may be.
    """

    def __init__(self, seconds: float | None = None) -> None:
        self._seconds = PATIENCE_SECONDS if seconds is None else seconds
        self._since: float | None = None

    def renew(self) -> None:
        """The service is there."""
        self._since = None

    def pause(self, error: FlightlineError) -> None:
        """Wait before asking again, as long as the answer says.

        Raises:
            FlightlineError: `error`, after so many seconds of this, and at once where it lasts until somebody acts.
        """
        if isinstance(error, AWAY) and not error.retryable:
            raise error
        now = time.monotonic()
        self._since = now if self._since is None else self._since
        if now - self._since >= self._seconds:
            raise error
        asked = error.retry_after if isinstance(error, ApiError) else None
        time.sleep(RETRY_SECONDS if asked is None else min(asked, LONGEST_PAUSE_SECONDS))


def patiently(read: Callable[..., T], *arguments: object) -> T:
    """What `read` returns, asking again while the service is unavailable and may come back by itself."""
    patience = Patience()
    while True:
        try:
            return read(*arguments)
        except AWAY as error:
            patience.pause(error)


def surely(send: Callable[[], T], *, met: bool) -> T:
    """What `send` returns, which can be sent again without harm: again while nobody knows whether it arrived.

    A service that is not there from the start may never come; it is waited for only by who has `met` it before.
    """
    patience = Patience(SENDING_SECONDS)
    doubtful = False
    while True:
        try:
            return send()
        except FlightlineError as error:
            doubtful = doubtful or isinstance(error, AnswerLost | Unavailable)
            if not _may_pass(error, doubtful=doubtful, met=met):
                raise
            patience.pause(error)


def _may_pass(error: FlightlineError, *, doubtful: bool, met: bool) -> bool:
    """Whether the same may be answered otherwise soon.

    A key in use is this call's own only where an answer was lost.
    """
    if isinstance(error, AWAY):
        return doubtful or met
    return doubtful and error.code == IN_PROGRESS
