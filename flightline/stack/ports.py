"""Whether the API can listen where it is told to."""

from __future__ import annotations

import errno
import socket

from flightline.errors import StackError


def free_port(host: str, port: int) -> int:
    """The port to listen on: `port` itself where it is free, any free one for 0.

    Raises:
        StackError: it is taken, not allowed, or the host is none of this machine's.
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
