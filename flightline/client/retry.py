"""Retries of requests to a service that is unavailable, or that asks for a pause between requests."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

import httpx

from flightline.client.answers import retry_after
from flightline.errors import AnswerLost, ApiError, FlightlineError, NotReachable, Unavailable

T = TypeVar("T")
Sleep = Callable[[float], Awaitable[None]]
"""Waits for some seconds, as a transport's `sleep` does."""

OUTAGE_SECONDS = 60.0
SUBMISSION_SECONDS = 15.0  # somebody waits for a submission, and nothing is there yet that would be lost
RETRY_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 10.0  # whatever the service asks for: the retries must be able to end
THROTTLED_SECONDS = 60.0
"""How long one request waits in all for a limit of the service to have room again."""
LASTING = frozenset({"too_many_queued_jobs", "too_many_failed_sign_ins"})
"""Limits that somebody has to do something about: cancel jobs, or correct a token."""
SILENT_SECONDS = 2.0  # a longer pause is logged, so that whoever waits knows why

UNAVAILABLE = (NotReachable, Unavailable)
"""The errors of a service that is not there at the moment and may come back."""
IN_PROGRESS = "idempotency_key_in_use"

logger = logging.getLogger("flightline")


class Throttle:
    """The pauses that a service with a limit asks one request for; a request that it refused had no effect.

    Args:
        sleep: how to wait.
    """

    def __init__(self, sleep: Sleep) -> None:
        self._sleep = sleep
        self._left = THROTTLED_SECONDS

    async def waited(self, response: httpx.Response) -> bool:
        """Wait for as long as a 429 asks, and return True; False at once where that is too long or cannot help."""
        asked = retry_after(response)
        pause = max(asked or 0.0, RETRY_SECONDS)  # a service that says 0 is not asked without a pause
        if asked is None or pause > self._left or _is_lasting(response):
            return False
        self._left -= pause
        if pause >= SILENT_SECONDS:
            logger.warning("The service limits its requests: going on in %.0f s.", pause)
        await self._sleep(pause)
        return True


def _is_lasting(response: httpx.Response) -> bool:
    """Whether a pause is no help: it is a limit of something else than requests, or the service says so."""
    try:
        problem = response.json()
    except ValueError:
        return False
    return isinstance(problem, dict) and (problem.get("code") in LASTING or problem.get("retryable") is False)


class Outage:
    """Times how long a service has been unavailable without a break, and ends the retries when that is too long.

    Args:
        sleep: how to wait for the next request.
        seconds: the longest outage that is waited for; default `OUTAGE_SECONDS`.
    """

    def __init__(self, sleep: Sleep, seconds: float | None = None) -> None:
        self._sleep = sleep
        self._seconds = OUTAGE_SECONDS if seconds is None else seconds
        self._since: float | None = None

    def reset(self) -> None:
        """Note that the service has answered: the next error begins a new outage."""
        self._since = None

    async def wait_or_raise(self, error: FlightlineError) -> None:
        """Sleep before the next request, for as long as the answer's `Retry-After` says, else `RETRY_SECONDS`.

        Raises:
            FlightlineError: `error` itself, once the outage has lasted too long; at once where the service says that
                a retry cannot help.
        """
        if isinstance(error, UNAVAILABLE) and not error.retryable:
            raise error
        now = time.monotonic()
        self._since = now if self._since is None else self._since
        if now - self._since >= self._seconds:
            raise error
        asked = error.retry_after if isinstance(error, ApiError) else None
        await self._sleep(RETRY_SECONDS if asked is None else min(asked, LONGEST_PAUSE_SECONDS))


async def retry_read(sleep: Sleep, read: Callable[..., Awaitable[T]], *arguments: object) -> T:
    """Call `read` until it returns, as long as the service is unavailable and may come back by itself.

    Args:
        sleep: how to wait between two requests.
        read: the request.
        *arguments: what `read` is called with.

    Raises:
        NotReachable, Unavailable: the service was unavailable for `OUTAGE_SECONDS`, or says that a retry cannot help.
    """
    outage = Outage(sleep)
    while True:
        try:
            return await read(*arguments)
        except UNAVAILABLE as error:
            await outage.wait_or_raise(error)


async def retry_submission(sleep: Sleep, send: Callable[[], Awaitable[T]], *, has_answered: bool) -> T:
    """Call `send`, which carries an idempotency key, until it is known whether the service received the request.

    Args:
        sleep: how to wait between two requests.
        send: the request; sending it twice makes one job.
        has_answered: whether the service has answered this client before. Only then is a service that nobody reaches
            waited for: one that was never there may never come.

    Raises:
        FlightlineError: the error of the last request, at once where a retry cannot help, else after
            `SUBMISSION_SECONDS`.
    """
    outage = Outage(sleep, SUBMISSION_SECONDS)
    maybe_received = False
    while True:
        try:
            return await send()
        except FlightlineError as error:
            maybe_received = maybe_received or isinstance(error, AnswerLost | Unavailable)
            if not _can_retry(error, maybe_received=maybe_received, has_answered=has_answered):
                raise
            await outage.wait_or_raise(error)


def _can_retry(error: FlightlineError, *, maybe_received: bool, has_answered: bool) -> bool:
    """Whether the same request may soon get another answer.

    A key in use is this client's own only where an earlier request may have been received.
    """
    if isinstance(error, UNAVAILABLE):
        return maybe_received or has_answered
    return maybe_received and error.code == IN_PROGRESS
