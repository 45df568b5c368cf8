"""Clients' connections, where only chance would show on a real server what goes wrong."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import pytest
from gunicorn.config import Config
from gunicorn.glogging import Logger
from typing_extensions import override

from api.http.requests.connections import HEAD_BYTES, ClientSocket, ClientWorker, Connection


class LateHead(Connection):
    """A connection on which all of a head arrives just after a look that has found nothing."""

    late = b""
    peer: socket.socket

    @override
    def wait_for_data(self, timeout: float | None) -> bool:
        found = super().wait_for_data(timeout)
        if self.late:
            self.peer.sendall(self.late)
            self.peer.shutdown(socket.SHUT_WR)
            self.late = b""
        return found


@pytest.fixture
def connection() -> Iterator[LateHead]:
    """A connection whose client has sent nothing yet."""
    ours, theirs = socket.socketpair()
    connection = LateHead(Config(), ClientSocket.adopt(ours, 1.0), ("", 0), ("", 0))
    connection.peer = theirs
    theirs.settimeout(5)
    yield connection
    connection.close()
    theirs.close()


@pytest.fixture
def worker() -> Iterator[ClientWorker]:
    """A server's process, of which only `handle` is used."""
    unused: Any = None
    worker = ClientWorker(1, 1, [], unused, 30, Config(), Logger(Config()))
    yield worker
    worker.tmp.close()


def test_a_large_head_that_comes_while_the_server_looks_is_refused(worker: ClientWorker, connection: LateHead) -> None:
    """It is not taken for a small one whose end is still to come."""
    connection.late = b"GET / HTTP/1.1\r\nX-Long: " + b"x" * (HEAD_BYTES + 1)

    while worker.handle(connection):
        pass

    assert connection.peer.recv(100).startswith(b"HTTP/1.1 431 ")
