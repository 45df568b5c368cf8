"""How long the API takes for one client, and how much memory its processes hold: real gunicorn, real Redis, SQLite.

    python benchmarks/api.py [--requests 500]

Prints p50 and p99 in milliseconds of each call over one kept-alive connection; of those, the time between the first
byte of the answer and its last (a stall of 40 ms there would be Nagle's algorithm); and the memory of each process.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import migrations
from flightline import redis_server
from shared.db import Database
from shared.redis_socket import socket_path, socket_url
from shared.settings import Settings

WARM_UP = 50
SPEC = {"architecture": {"kind": "mlp", "hidden": [1024, 512, 128]}, "training": {"epochs": 3}, "tags": ["benchmark"]}


class Connection:
    """One kept-alive HTTP connection that times the parts of an answer."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=60)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def request(self, method: str, path: str, body: bytes = b"") -> tuple[float, float, int, bytes]:
        """Milliseconds until the whole answer is here, milliseconds between its first and last byte, status, body."""
        head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        message = f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
        started = time.perf_counter()
        self._socket.sendall(message)
        answer = self._socket.recv(1 << 16)
        first = time.perf_counter()
        while not _complete(answer):
            answer += self._socket.recv(1 << 16)
        ended = time.perf_counter()
        header, _, content = answer.partition(b"\r\n\r\n")
        return (ended - started) * 1000, (ended - first) * 1000, int(header.split()[1]), content


def _complete(answer: bytes) -> bool:
    header, separator, content = answer.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)content-length: (\d+)", header)
    return bool(separator) and length is not None and len(content) >= int(length[1])


@contextmanager
def stack(home: Path) -> Iterator[tuple[int, int]]:
    """Redis and gunicorn on a migrated database; gives the port and gunicorn's process id."""
    db = Database(Settings(home=home).sqlalchemy_url)
    migrations.upgrade(db)
    db.dispose()
    redis_server.prepare(home)
    redis = subprocess.Popen(redis_server.server_command(redis_server.find_server(), home), stdout=subprocess.DEVNULL)
    environment = {**os.environ, "FLIGHTLINE_HOME": str(home), "FLIGHTLINE_PORT": "0"}
    environment["FLIGHTLINE_REDIS_URL"] = socket_url(socket_path(home))
    command = [sys.executable, "-m", "gunicorn", "-c", "python:api.gunicorn_conf", "api.wsgi:app"]
    with (home / "api.log").open("wb") as log:
        server = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    try:
        yield _port(home / "api.log"), server.pid
    finally:
        for process in (server, redis):
            process.terminate()
            process.wait(30)


def _port(log: Path) -> int:
    while log.read_text().count("Booting worker") < 2:
        time.sleep(0.05)
    found = re.search(r"Listening at: http://127\.0\.0\.1:(\d+)", log.read_text())
    assert found is not None
    return int(found[1])


def measure(name: str, expected: int, call: Callable[[], tuple[float, float, int, bytes]], requests: int) -> bytes:
    """Repeat `call` and print a row of the table; returns the last body."""
    totals, stalls, body = [], [], b""
    for number in range(WARM_UP + requests):
        total, stall, status, body = call()
        assert status == expected, body
        if number >= WARM_UP:
            totals.append(total)
            stalls.append(stall)
    columns = (statistics.median(totals), _p99(totals), _p99(stalls), max(stalls))
    print(f"| {name} | " + " | ".join(f"{value:.1f}" for value in columns) + f" | {len(body)} |")
    return body


def _p99(values: list[float]) -> float:
    return statistics.quantiles(values, n=100)[98]


def memory(pid: int) -> list[tuple[int, float, float]]:
    """Of a process and its children: id, resident MB, and proportional MB (a shared page counts once)."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    found = []
    for one in [pid, *map(int, children)]:
        text = Path(f"/proc/{one}/smaps_rollup").read_text()
        sizes = {name: int(size) / 1024 for name, size in re.findall(r"^(Rss|Pss): +(\d+) kB", text, re.MULTILINE)}
        found.append((one, sizes["Rss"], sizes["Pss"]))
    return found


def main() -> None:
    """Run everything and print it as Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=500, help="requests of each kind")
    requests = parser.parse_args().requests
    home = Path(tempfile.mkdtemp(prefix="fl-"))
    body = json.dumps(SPEC).encode()
    try:
        with stack(home) as (port, pid):
            one = Connection(port)
            print("| call | p50 ms | p99 ms | header to end p99 | max | bytes |\n|---|---|---|---|---|---|")
            job = json.loads(measure("POST /v1/jobs", 201, lambda: one.request("POST", "/v1/jobs", body), requests))
            for path in ("/v1/jobs?limit=100", f"/v1/jobs/{job['id']}", "/v1/workers", "/healthz"):
                measure(f"GET {path[:20]}", 200, lambda path=path: one.request("GET", path), requests)  # type: ignore[misc]
            check = "/v1/jobs?dry_run=true"
            measure("POST /v1/jobs?dry_run", 200, lambda: one.request("POST", check, body), requests)
            print("\n| process | resident MB | proportional MB |\n|---|---|---|")
            for process, resident, proportional in memory(pid):
                print(f"| {'gunicorn' if process == pid else 'API'} | {resident:.0f} | {proportional:.0f} |")
    finally:
        shutil.rmtree(home)


if __name__ == "__main__":
    main()
