"""Whether the API can listen where it is told to."""

from __future__ import annotations

import socket

import pytest

from flightline.errors import StackError
from flightline.stack.addresses import free_port
from tests.support.servers import reserve_port


def test_a_free_port() -> None:
    """A free port is taken as it is; 0 becomes a free one."""
    assert free_port("127.0.0.1", 0) > 0
    with reserve_port() as reserved:
        port = reserved.getsockname()[1]
        assert free_port("127.0.0.1", port) == port


def test_a_taken_port_says_what_to_do() -> None:
    """A port that another program listens on is refused with the next one as a proposal."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(StackError, match=rf"Port {port} .* is taken.*--port {port + 1}"):
            free_port("127.0.0.1", port)


def test_a_host_that_is_elsewhere() -> None:
    """An address that is not this machine's is refused with the variable to set."""
    with pytest.raises(StackError, match=r"cannot listen on 192.0.2.1:8470.*FLIGHTLINE_HOST"):
        free_port("192.0.2.1", 8470)
