"""Host names, addresses and paths as written in headers and in `FLIGHTLINE_ALLOWED_HOSTS` and its neighbours."""

from __future__ import annotations

import re
from ipaddress import AddressValueError, IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

_AUTHORITY = re.compile(r"(?:\[([0-9a-f:.]+)\]|([a-z0-9_-]+(?:\.[a-z0-9_-]+)*)\.?)(?::[0-9]{0,5})?", re.IGNORECASE)
_PATH = re.compile(r"(?:/(?!\.{1,2}(?:/|$))[A-Za-z0-9._~-]+)+", re.ASCII)

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


def address_of(text: str) -> IPv4Address | IPv6Address | None:
    """Return the address of ``1.2.3.4``, ``1.2.3.4:80``, ``::1`` or ``[::1]:80``; None for any other text.

    An IPv4 address that is written as an IPv6 one (``::ffff:1.2.3.4``) is returned as what it is.
    """
    bare = text
    if found := _AUTHORITY.fullmatch(text):
        bare = found[1] or found[2]
    try:
        address = ip_address(bare)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def read_networks(text: str) -> tuple[IPv4Network | IPv6Network, ...]:
    """Parse a comma-separated list of addresses and networks, such as ``10.0.0.5, 172.16.0.0/12, ::1``.

    Raises:
        ValueError: an entry is neither.
    """
    return tuple(map(_network, filter(None, (part.strip() for part in text.split(",")))))


def _network(text: str) -> IPv4Network | IPv6Network:
    try:
        return ip_network(text, strict=False)
    except ValueError:
        message = (
            "must be IP addresses and networks with commas between them, such as 127.0.0.1,172.16.0.0/12; "
            f"{text[:80]!r} is none"
        )
        raise ValueError(message) from None


def is_path(text: str) -> bool:
    """Whether a text is a path to serve something below, such as ``/flightline`` or ``/lab/flightline``."""
    return _PATH.fullmatch(text) is not None


def read_path(text: str) -> str:
    """Return a path to serve something below without the slash at its end; empty for ``/``.

    Raises:
        ValueError: the text is no such path.
    """
    path = text.strip().rstrip("/")
    if path and not is_path(path):
        message = f"must be a path such as /flightline, of letters, digits and - . _ ~; {text[:80]!r} is none"
        raise ValueError(message)
    return path
