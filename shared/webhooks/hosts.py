"""Where webhooks may be sent: the hosts and networks of `FLIGHTLINE_WEBHOOK_HOSTS`, and the URLs that name them.

An entry is one of:

- a host with an optional port: ``hooks.example.com``, ``*.example.com``, ``*`` (every name), ``10.0.0.5:8080``,
  ``[fd00::5]``. Without a port the entry allows 80 and 443; ``:*`` allows every port;
- a network that the names may lead into although it is not public: ``10.0.0.0/8``, ``fd00::/8``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import ip_network
from typing import TYPE_CHECKING

from shared.hosts import is_address, matches, read_patterns
from shared.webhooks.addresses import Address, Network, is_public, read_address, unwrapped

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

MAX_URL_LENGTH = 2000
_DEFAULT_PORTS = {"http": 80, "https": 443}
_EVERY_PORT = "*"
_NAME = r"[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?)*"
# What is read here is what is sent: a second parser could take another host from the same text.
_URL = re.compile(
    rf"(?P<scheme>https?)://(?:\[(?P<v6>[0-9a-f:.]+)\]|(?P<name>{_NAME}))(?::(?P<port>[0-9]{{1,5}}))?"
    r"(?P<target>/[!-\"$-\[\]-~]*|)",
    re.IGNORECASE,
)
_ENTRY = re.compile(r"(?P<host>\[[^\]]*\]|[^:\[\]]*)(?::(?P<port>[0-9]{1,5}|\*))?")


@dataclass(frozen=True)
class Destination:
    """A webhook's URL in parts, as they are used for the connection and the request.

    Attributes:
        scheme: ``http`` or ``https``.
        host: a name in lower case, or an IP address in its shortest form without brackets.
        port: the port to connect to.
        target: path and query.
        authority: host and port as the header `Host` has them.
    """

    scheme: str
    host: str
    port: int
    target: str
    authority: str

    @property
    def is_address(self) -> bool:
        """Whether the host is an IP address, not a name."""
        return is_address(self.host)


def read_url(url: str) -> Destination:
    """Parse a webhook's URL, strictly.

    Raises:
        ValueError: the message says what is wrong as a phrase that begins with "must" or "may".
    """
    if len(url) > MAX_URL_LENGTH:
        message = f"must have at most {MAX_URL_LENGTH} characters"
        raise ValueError(message)
    found = _URL.fullmatch(url)
    if found is None:
        raise ValueError(_what_is_wrong(url))
    scheme = found["scheme"].lower()
    host = str(_address(found["v6"])) if found["v6"] else found["name"].lower()
    port = int(found["port"] or _DEFAULT_PORTS[scheme])
    if not 0 < port < 65536:
        raise ValueError("must name a port from 1 to 65535")
    shown = f"[{host}]" if ":" in host else host
    authority = shown if port == _DEFAULT_PORTS[scheme] else f"{shown}:{port}"
    return Destination(scheme, host, port, found["target"] or "/", authority)


def _address(text: str) -> Address:
    try:
        return read_address(text)
    except ValueError:
        raise ValueError("must have an IP address in its brackets") from None


def _what_is_wrong(url: str) -> str:
    if not re.match(r"https?://", url, re.IGNORECASE):
        return "must begin with https:// or http://"
    if not re.fullmatch(r"[!-~]*", url) or "\\" in url:
        return "must be written in ASCII without spaces and backslashes (a name as punycode, other characters as %XX)"
    if "@" in url.split("/")[2]:
        return "may not hold a user or password; the signature says who sends"
    if "#" in url:
        return "may not have a fragment (#…), which is never sent"
    return "must be like https://hooks.example.com/path"


@dataclass(frozen=True)
class AllowedHosts:
    """The parsed value of `FLIGHTLINE_WEBHOOK_HOSTS`.

    Attributes:
        patterns: pairs of a name, pattern or address and the port that it allows: a number, or ``*`` for every port.
        networks: networks, public or not, whose addresses names may lead to.
    """

    patterns: frozenset[tuple[str, str]]
    networks: tuple[Network, ...]

    @classmethod
    def read(cls, entries: Iterable[str]) -> AllowedHosts:
        """Parse the setting's entries. Raises ValueError that names the first one that is neither host nor network."""
        patterns: set[tuple[str, str]] = set()
        networks: list[Network] = []
        for entry in entries:
            if "/" in entry:
                networks.append(_network(entry))
                continue
            host, ports = _host(entry)
            patterns |= {(host, port) for port in ports}
            if is_address(host):
                networks.append(ip_network(host))
        return cls(frozenset(patterns), tuple(networks))

    def allows(self, destination: Destination) -> bool:
        """Whether the setting lists the URL's host, with its port."""
        open_to_it = frozenset(host for host, port in self.patterns if port in (str(destination.port), _EVERY_PORT))
        if destination.is_address:  # no pattern stands for addresses: each is listed by itself
            return destination.host in open_to_it
        return matches(destination.host, open_to_it)

    def reachable(self, addresses: Sequence[str]) -> list[str]:
        """Return those of a host's addresses that may be connected to: the public and the listed ones."""
        return [text for text in addresses if self._may_reach(text)]

    def _may_reach(self, text: str) -> bool:
        try:
            address = read_address(text)
        except ValueError:
            return False
        return is_public(address) or any(address in network for network in self.networks)


def read_entries(text: str) -> tuple[str, ...]:
    """Split and check the setting. Raises ValueError that names an entry that is neither host nor network."""
    entries = tuple(filter(None, (part.strip().lower() for part in text.split(","))))
    AllowedHosts.read(entries)
    return entries


def _network(entry: str) -> Network:
    try:
        return ip_network(entry, strict=False)
    except ValueError:
        raise ValueError(_wrong_entry(entry)) from None


def _host(entry: str) -> tuple[str, set[str]]:
    found = _ENTRY.fullmatch(entry)
    if found is None or not found["host"]:
        raise ValueError(_wrong_entry(entry))
    try:
        (host,) = read_patterns(found["host"])
    except ValueError:
        raise ValueError(_wrong_entry(entry)) from None
    if is_address(host):
        host = str(unwrapped(read_address(host)))
    return host, {found["port"]} if found["port"] else {str(port) for port in _DEFAULT_PORTS.values()}


def _wrong_entry(entry: str) -> str:
    return (
        "must be hosts (hooks.example.com, *.example.com, 10.0.0.5:8080, [fd00::5]) or networks (10.0.0.0/8) with "
        f"commas between them, without http:// and paths; {entry[:80]!r} is neither"
    )
