"""Checks of FLIGHTLINE_REDIS_URL before the first connection. No message repeats it, as it may hold a password."""

from __future__ import annotations

from urllib.parse import urlsplit

import redis

from shared.errors import ConfigurationError

_FORM = "It reads redis://:PASSWORD@HOST:6379/0; in a password, write / ? # @ : % as %2F %3F %23 %40 %3A %25."


def checked(url: str) -> str:
    """Check a URL and return it unchanged.

    Raises:
        ConfigurationError: the URL cannot work: its scheme is not supported, its port or database is not a number,
            redis-py does not know an option, or a password is not percent-encoded.
    """
    scheme, separator, _rest = url.partition("://")
    if not separator or scheme not in ("redis", "rediss", "unix"):
        message = "FLIGHTLINE_REDIS_URL must begin with redis://, rediss:// or unix://."
        raise ConfigurationError(message)
    fault = _fault(url)
    if fault:
        message = f"FLIGHTLINE_REDIS_URL {fault}. {_FORM}"
        raise ConfigurationError(message)
    return url


def kombu_url(url: str) -> str:
    """Return a checked URL as kombu spells it: the scheme of a unix socket is ``redis+socket``."""
    return f"redis+socket://{url.removeprefix('unix://')}" if url.startswith("unix://") else url


def _fault(url: str) -> str:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return "has a port that is not a number from 1 to 65535, or a password that is not percent-encoded"
    if parts.fragment:
        return "has a # in it"
    if parts.scheme == "unix":
        return "" if parts.path else "names no socket"
    if not parts.hostname or port == 0:
        return "names no host, or a port that is not a number from 1 to 65535"
    database = parts.path.strip("/")
    if database and not database.isdecimal():
        return "names a database that is not a number"
    return _option_fault(url)


def _option_fault(url: str) -> str:
    try:
        redis.ConnectionPool.from_url(url).make_connection()  # makes no connection yet
    except (TypeError, ValueError, redis.RedisError):
        return "has an option after the ? that redis-py does not know, or a value that the option does not take"
    return ""
