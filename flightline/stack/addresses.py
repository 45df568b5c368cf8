"""Where others reach a service on this machine."""

from __future__ import annotations

import socket
from contextlib import suppress

from flightline.client.transport import service_url
from shared.hosts import WILDCARDS, is_loopback

_ELSEWHERE = (("192.0.2.1", socket.AF_INET), ("2001:db8::1", socket.AF_INET6))
"""Addresses for documentation: nothing is sent to them, they only tell which way out this machine would take."""


def addresses_for_others(host: str, port: int) -> list[str]:
    """The URLs under which other machines reach a service that listens on `host`; none where it is loopback."""
    if is_loopback(host):
        return []
    if host not in WILDCARDS:
        return [service_url(host, port)]
    return [service_url(name, port) for name in dict.fromkeys([socket.gethostname(), *_own_addresses(host)])]


def _own_addresses(host: str) -> list[str]:
    """The addresses that this machine would call others from, of the families that `host` listens on."""
    found = []
    for target, family in _ELSEWHERE:
        if family == socket.AF_INET6 and ":" not in host:
            continue
        with suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((target, 9))
            found.append(str(probe.getsockname()[0]))
    return found
