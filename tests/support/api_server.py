"""The API as gunicorn serves it, over a home of the test's own, and conversations with it byte by byte."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from tests.support.servers import wait_until

GUNICORN = [sys.executable, "-m", "gunicorn", "-c", "python:api.gunicorn_conf", "api.wsgi:app"]


class ApiServer:
    """A running gunicorn."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path, processes: int) -> None:
        self.process = process
        self.log = log
        wait_until(
            lambda: process.poll() is not None or len(self._found(r"Booting worker")) == processes,
            "the API's processes",
            seconds=120.0,
        )
        (port,) = self._found(r"Listening at: http://127\.0\.0\.1:(\d+)")
        self.address = ("127.0.0.1", int(port))
        self.url = f"http://127.0.0.1:{port}"
        wait_until(self._answers, "the API's first answer", 90)

    def _found(self, pattern: str) -> list[str]:
        return re.findall(pattern, self.log.read_text())

    def _answers(self) -> bool:
        """Whether a process answers, even if only what is no request, or has refused to start."""
        if self.process.poll() is not None:
            return True
        with suppress(TimeoutError, ConnectionError), socket.create_connection(self.address, 5) as connection:
            connection.sendall(b"GET\r\n\r\n")
            return b" 400 " in connection.recv(65536)
        return False

    @property
    def workers(self) -> list[int]:
        """The ids of its worker processes."""
        return [int(pid) for pid in self._found(r"Booting worker with pid: (\d+)")]

    def stop(self) -> int:
        """SIGTERM, and its exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)

    def connect(self) -> socket.socket:
        """Return a new connection, whose reads fail after half a minute."""
        return socket.create_connection(self.address, timeout=30)

    def first_line(self, request: bytes) -> bytes:
        """Return the first line of the answer to these bytes, sent and not ended."""
        with self.connect() as connection:
            connection.sendall(request)
            return connection.recv(65536).splitlines()[0]

    def answer(self, request: bytes) -> tuple[bytes, dict[str, Any]]:
        """Return the head of the whole answer to these bytes, and its JSON."""
        with self.connect() as connection:
            connection.sendall(request)
            connection.shutdown(socket.SHUT_WR)
            answer = b"".join(iter(lambda: connection.recv(65536), b""))
        head, _, body = answer.partition(b"\r\n\r\n")
        return head, json.loads(body)


@contextmanager
def served(environment: Mapping[str, str], log: Path) -> Iterator[ApiServer]:
    """gunicorn on these settings, on a port of its own."""
    everything = {**os.environ, "FLIGHTLINE_PORT": "0", **environment}
    with (
        log.open("wb") as output,
        subprocess.Popen(GUNICORN, env=everything, stdout=output, stderr=output, start_new_session=True) as process,
    ):
        try:
            yield ApiServer(process, log, int(environment.get("FLIGHTLINE_API_PROCESSES", "2")))
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
