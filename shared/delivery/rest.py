"""When Redis is left alone: for a second after it did not answer, so that its outage does not slow each request.

One object for each process, shared by all that ask Redis while a request waits for it: tickets, their counts, limits.
"""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import redis
from kombu.exceptions import KombuError, OperationalError
from redis.backoff import NoBackoff
from redis.retry import Retry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

FAILURES = redis.RedisError, KombuError, OperationalError, OSError
"""What calls of redis-py and Celery raise where Redis does not answer."""
ONCE_MORE = Retry(NoBackoff(), 1, supported_errors=(redis.ConnectionError,))
"""Has redis-py ask once more, at once, where a connection has ended since its last use, and never after a timeout."""
_REST_SECONDS = 1.0
_ANSWER_SECONDS = 0.2
"""How long a Redis that did not answer before is waited for, to see whether it does again."""


class LeftAlone(redis.ConnectionError):
    """Redis was not asked, as it has just failed to answer."""

    def __init__(self) -> None:
        super().__init__("it did not a moment ago, and is asked again within a second or two")


class Rest:
    """Safe to share between threads; it connects on first use.

    Args:
        redis_url: the Redis that is asked for a sign of life after a rest.
        clock: seconds on a clock that never goes back.
    """

    def __init__(self, redis_url: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._redis = redis.Redis.from_url(
            redis_url, socket_timeout=_ANSWER_SECONDS, socket_connect_timeout=_ANSWER_SECONDS, retry=ONCE_MORE
        )
        self._clock = clock
        self._looking = threading.Lock()
        self._until: float | None = None
        """When the present rest ends, by the clock; None while Redis answers."""

    @contextmanager
    def asking(self) -> Iterator[None]:
        """Ask Redis within this block; a failure there begins a rest.

        Raises:
            LeftAlone: Redis rests, and the block is not entered.
        """
        if self._until is not None and not self._answers_again(self._until):
            raise LeftAlone
        try:
            yield
        except FAILURES:
            self._until = self._clock() + _REST_SECONDS
            raise

    def close(self) -> None:
        """Close the connection."""
        self._redis.close()

    def _answers_again(self, until: float) -> bool:
        """Whether Redis answers after its rest. One thread looks, and the others do not wait for it."""
        if self._clock() < until or not self._looking.acquire(blocking=False):
            return False
        try:
            self._redis.ping()
            self._until = None
        except FAILURES:
            self._until = self._clock() + _REST_SECONDS
        finally:
            self._looking.release()
        return self._until is None
