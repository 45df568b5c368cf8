"""One kept-alive HTTP connection that costs next to nothing itself, and times the parts of an answer."""

from __future__ import annotations

import json
import re
import select
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
    """One kept-alive HTTP connection to a port of this machine, made again where the server has closed it meanwhile."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._socket = self._connected()

    def _connected(self) -> socket.socket:
        made = socket.create_connection(("127.0.0.1", self._port), timeout=60)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return made

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
        if select.select([self._socket], [], [], 0)[0]:  # nothing was asked: this is the end of an idle connection
            self._socket.close()
            self._socket = self._connected()
        started = time.perf_counter()
        self._socket.sendall(message)
        answer = bytearray(self._received())
        first = time.perf_counter()
        while (end := answer.find(b"\r\n\r\n")) < 0:
            answer += self._received()
        header = bytes(answer[:end])
        begin, length = end + 4, int(re.findall(rb"(?i)content-length: (\d+)", header)[0])
        while len(answer) < begin + length:
            answer += self._received()
        ended = time.perf_counter()
        return Answer(int(header.split()[1]), bytes(answer[begin:]), (ended - started) * 1000, (ended - first) * 1000)

    def _received(self) -> bytes:
        part = self._socket.recv(1 << 18)
        if not part:
            raise ConnectionError(f"The server on port {self._port} closed the connection before its answer was whole.")
        return part

    def close(self) -> None:
        """Close the connection to the server."""
        self._socket.close()
