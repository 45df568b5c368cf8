"""The port that the API listens on, and the URLs under which other machines reach it."""

from __future__ import annotations

import errno
import socket
from contextlib import suppress

from flightline.client.addresses import service_url
from flightline.errors import StackError
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


def free_port(host: str, port: int) -> int:
    """The port to listen on: `port` itself where it is free, any free one for 0.

    Raises:
        StackError: the port is taken or not allowed, or the host is not an address of this machine.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            return int(probe.getsockname()[1])
    except OSError as error:
        raise StackError(_reason(host, port, error)) from error


def _reason(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"Port {port} on {host} is taken by another program. Stop that, or take another port: "
            f"`flightline up --port {port + 1}` (or FLIGHTLINE_PORT={port + 1}; 0 takes any free one)."
        )
    if error.errno == errno.EACCES:
        return f"Port {port} may not be used by this user; take one above 1023: `flightline up --port 8470`."
    return f"The API cannot listen on {host}:{port}: {error.strerror or error}. Set FLIGHTLINE_HOST to 127.0.0.1."
