"""How often one token, or one address with unknown tokens, may ask within a minute.

The counts are in Redis, for all processes together: one for each token and minute. A count that Redis does not return
quickly is left out, and Redis is then left alone for a moment: a request is never refused, or late, because of it.
Failed sign-ins are counted in the process first, so that an address that is over the limit costs no call at all.
"""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_network

import redis
from flask import Flask, Response, g
from limits.storage import RedisStorage

from shared.delivery.rest import FAILURES, LeftAlone, Rest
from shared.errors import TooManyFailedSignIns, TooManyRequests
from shared.hosts import address_of

log = logging.getLogger(__name__)

WINDOW_SECONDS = 60
_ANSWER_SECONDS = 0.2
"""How long a request waits for Redis to count it."""


@dataclass(frozen=True)
class Room:
    """What a token has left of its requests in the present minute."""

    limit: int
    remaining: int
    seconds: int
    """Seconds until the next minute, when the count begins anew."""


class Limits:
    """The counts of one process. Safe to share between threads; it connects to Redis on first use.

    Args:
        redis_url: the Redis that all processes count in.
        rest: when that Redis is left alone.
        requests: most requests of a token in a minute; 0 for no limit.
        failed_sign_ins: most requests with an unknown token from an address in a minute; 0 for no limit.
    """

    def __init__(self, redis_url: str, rest: Rest, *, requests: int, failed_sign_ins: int) -> None:
        self._requests = requests
        self._failed_sign_ins = failed_sign_ins
        self._shared = _Counts(redis_url, rest)
        self._lock = threading.Lock()
        self._minute = 0
        self._failed: dict[str, int] = {}
        """Failed sign-ins of the present minute by address."""

    def count(self, token_id: str) -> Room | None:
        """Count a request of a token; None where there is no limit, or Redis does not count.

        Raises:
            TooManyRequests: its requests of this minute are used up.
        """
        minute, seconds = _now()
        counted = self._shared.add(f"requests:{token_id}:{minute}") if self._requests else None
        if counted is None:
            return None
        if counted > self._requests:
            raise TooManyRequests(
                f"This token may send {self._requests} requests a minute (FLIGHTLINE_REQUESTS_PER_MINUTE). "
                f"Go on in {seconds} s.",
                seconds,
            )
        return Room(self._requests, self._requests - counted, seconds)

    def failed_sign_in(self, address: str) -> None:
        """Count a request that came from this address with an unknown token."""
        if not self._failed_sign_ins:
            return
        minute, _ = _now()
        source = _source(address)
        counted = self._fail(minute, source, 1)
        if counted <= self._failed_sign_ins:
            elsewhere = self._shared.add(f"failed:{source}:{minute}") or 0
            self._fail(minute, source, max(0, elsewhere - counted))

    def refuse_address(self, address: str) -> None:
        """Refuse an address whose sign-ins have failed too often; call this for a token that is not known to be right.

        Raises:
            TooManyFailedSignIns: as many as are allowed have failed in this minute.
        """
        minute, seconds = _now()
        if self._failed_sign_ins and self._fail(minute, _source(address), 0) >= self._failed_sign_ins:
            raise TooManyFailedSignIns(
                f"More than {self._failed_sign_ins} requests from {address} came with a token that is unknown "
                f"(FLIGHTLINE_FAILED_SIGN_INS_PER_MINUTE). Check the token, and go on in {seconds} s.",
                seconds,
            )

    def _fail(self, minute: int, source: str, times: int) -> int:
        """Add to what this process knows of an address' failed sign-ins of this minute; return how many there are."""
        with self._lock:
            if minute != self._minute:
                self._minute = minute
                self._failed.clear()
            counted = self._failed.get(source, 0) + times
            if times:
                self._failed[source] = counted
            return counted

    def close(self) -> None:
        """Close the connections to Redis."""
        self._shared.close()


class _Counts:
    """Counters in Redis that are asked for little patience."""

    def __init__(self, redis_url: str, rest: Rest) -> None:
        self._rest = rest
        self._pool = redis.ConnectionPool.from_url(
            redis_url, socket_timeout=_ANSWER_SECONDS, socket_connect_timeout=_ANSWER_SECONDS, retry=None
        )
        self._storage = RedisStorage("redis://", self._pool, key_prefix="flightline:limits")

    def add(self, key: str) -> int | None:
        """Add 1 to a counter that lasts a minute, and return it; None while Redis does not answer."""
        try:
            with self._rest.asking():
                return self._storage.incr(key, WINDOW_SECONDS)
        except LeftAlone:
            return None
        except FAILURES as error:
            log.warning("limits_not_enforced", extra={"reason": str(error)})
            return None

    def close(self) -> None:
        """Close the connections."""
        self._pool.disconnect()


def _now() -> tuple[int, int]:
    """Return the present minute, and the whole seconds until the next: by the clock that all processes share."""
    minute, past = divmod(time.time(), WINDOW_SECONDS)
    return int(minute), max(1, round(WINDOW_SECONDS - past))


def _source(address: str) -> str:
    """Return what is counted for an address: of IPv6 its network of 64 bits, in which one client has every address."""
    known = address_of(address)
    return str(ip_network((known, 64), strict=False)) if isinstance(known, IPv6Address) else str(known or address)


def register(app: Flask) -> None:
    """Have every response to a counted request say what its token has left."""
    app.after_request(_say_what_is_left)


def _say_what_is_left(response: Response) -> Response:
    room: Room | None = g.get("room")
    if room is not None:
        response.headers["RateLimit-Policy"] = f'"requests";q={room.limit};w={WINDOW_SECONDS}'
        response.headers["RateLimit"] = f'"requests";r={room.remaining};t={room.seconds}'
    return response
