"""Host names as written in `Host` and `Origin` headers and in `FLIGHTLINE_ALLOWED_HOSTS`."""

from __future__ import annotations

import re
from ipaddress import AddressValueError, IPv4Address, IPv6Address

_AUTHORITY = re.compile(r"(?:\[([0-9a-f:.]+)\]|([a-z0-9_-]+(?:\.[a-z0-9_-]+)*)\.?)(?::[0-9]{0,5})?", re.IGNORECASE)

WILDCARDS = frozenset({"", "0.0.0.0", "::"})  # noqa: S104 -- compared, not bound
"""Hosts to listen on that mean every address of the machine."""


def host_of(authority: str) -> str | None:
    """Return the host of ``name``, ``name:port`` or ``[IPv6]:port``; None for any other text.

    Names are returned in lower case without a final dot, IPv6 addresses in their shortest form without brackets.
    """
    found = _AUTHORITY.fullmatch(authority)
    if found is None:
        return None
    if found[1] is None:
        return found[2].lower()
    try:
        return str(IPv6Address(found[1]))
    except AddressValueError:
        return None


def is_address(host: str) -> bool:
    """Whether a host is an IP address, not a name."""
    for kind in (IPv4Address, IPv6Address):
        try:
            kind(host)
        except AddressValueError:
            continue
        return True
    return False


def is_loopback(host: str) -> bool:
    """Whether a server that listens on this host can be reached from its own machine only."""
    if host.lower() == "localhost":
        return True
    kind = IPv6Address if ":" in host else IPv4Address
    return is_address(host) and kind(host).is_loopback


def matches(host: str, patterns: frozenset[str]) -> bool:
    """Whether a host matches one of the patterns: a name, ``*.name`` for names below it, or ``*`` for every host."""
    labels = host.split(".")
    above = {f"*.{'.'.join(labels[start:])}" for start in range(1, len(labels))}
    return bool(patterns & {host, "*", *above})


def read_patterns(text: str) -> tuple[str, ...]:
    """Parse a comma-separated list of patterns for `matches`; ports are dropped.

    Raises:
        ValueError: an entry is not a host name or pattern.
    """
    return tuple(map(_pattern, filter(None, (part.strip() for part in text.split(",")))))


def _pattern(text: str) -> str:
    if text == "*":
        return text
    below = text.startswith("*.")
    host = host_of(text[2:] if below else text)
    if host is None:
        message = (
            "must be host names with commas between them, such as flightline.example.com, *.lan.example.com or * for "
            f"every host, without http:// and paths; {text[:80]!r} is none"
        )
        raise ValueError(message)
    return f"*.{host}" if below else host
