"""One kept-alive HTTP connection that costs next to nothing itself, and times the parts of an answer."""

from __future__ import annotations

import json
import re
import socket
import time
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Answer:
    """An HTTP answer, with the milliseconds until its last byte, and those between its first and its last."""

    status: int
    body: bytes
    milliseconds: float
    stall_milliseconds: float

    def json(self) -> Any:
        """The body, decoded from JSON."""
        return json.loads(self.body)


class Connection:
    """One kept-alive HTTP connection to a port of this machine."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=60)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def get(self, path: str) -> Answer:
        """Send a GET request for a path and return the timed answer."""
        return self.request("GET", path)

    def post(self, path: str, document: object) -> Answer:
        """Send a POST request with a JSON document and return the timed answer."""
        return self.request("POST", path, json.dumps(document).encode())

    def request(self, method: str, path: str, body: bytes = b"", content_type: str = "application/json") -> Answer:
        """Send a request and wait for the whole answer."""
        head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {content_type}\r\n"
        message = f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
        started = time.perf_counter()
        self._socket.sendall(message)
        answer = self._socket.recv(1 << 16)
        first = time.perf_counter()
        while not _complete(answer):
            answer += self._socket.recv(1 << 16)
        ended = time.perf_counter()
        header, _, content = answer.partition(b"\r\n\r\n")
        return Answer(int(header.split()[1]), content, (ended - started) * 1000, (ended - first) * 1000)

    def close(self) -> None:
        """Close the connection to the server."""
        self._socket.close()


def _complete(answer: bytes) -> bool:
    header, separator, content = answer.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)content-length: (\d+)", header)
    return bool(separator) and length is not None and len(content) >= int(length[1])
