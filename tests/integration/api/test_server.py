"""The application as gunicorn serves it: processes, sockets, signals."""

from __future__ import annotations

import os
import re
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.support.api_server import ApiServer, served
from tests.support.metrics import samples
from tests.support.servers import RedisServer, wait_until

POST = b"POST /v1/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"


@pytest.fixture(scope="module")
def server(
    redis_server: RedisServer, sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ApiServer]:
    """A running gunicorn that takes bodies up to 20,000 bytes."""
    home = tmp_path_factory.mktemp("home")
    shutil.copy(sqlite_template, home / "flightline.db")
    environment = {
        "FLIGHTLINE_HOME": str(home),
        "FLIGHTLINE_REDIS_URL": redis_server.url,
        "FLIGHTLINE_MAX_BODY_BYTES": "20000",
    }
    with served(environment, home / "server.log") as server:
        yield server


def test_a_body_in_chunks_is_refused_once_it_is_too_large(server: ApiServer) -> None:
    """Without a Content-Length the limit holds while reading, and the client gets to see why."""

    def chunks() -> Iterator[bytes]:
        for _ in range(40):
            yield b" " * 1000

    headers = {"Content-Type": "application/json"}
    response = httpx.post(f"{server.url}/v1/jobs", content=chunks(), headers=headers, timeout=None)

    assert response.status_code == 413
    assert response.json()["code"] == "payload_too_large"


def test_a_body_in_chunks_within_the_limit_is_read(server: ApiServer) -> None:
    """Clients that do not know the length beforehand can submit."""
    parts = iter([b'{"preset": ', b'"notebook-linear"}'])
    headers = {"Content-Type": "application/json"}

    assert httpx.post(f"{server.url}/v1/jobs", content=parts, headers=headers, timeout=None).status_code == 201


def test_a_large_body_is_refused_before_it_is_sent(server: ApiServer) -> None:
    """The announcement of 50 MB is answered, though no byte of them ever comes."""
    assert b" 413 " in server.first_line(POST + b"Content-Length: 50000000\r\n\r\n")


@pytest.mark.parametrize(
    "body",
    [b"zz\r\n", b"-5\r\nabc\r\n", b"2\r\n{}\r\n0\r\nbad trailer\r\n\r\n", b"2\r\n{}xx\r\n0\r\n\r\n"],
)
def test_broken_chunks_are_the_clients_fault(server: ApiServer, body: bytes) -> None:
    """A body that is no HTTP answers 4xx, never 500."""
    assert b" 4" in server.first_line(POST + b"Transfer-Encoding: chunked\r\n\r\n" + body)


@pytest.mark.parametrize(
    "lines, status",
    [
        (b"GET /healthz HTTP/1.1\r\nHost: LOCALHOST.:1", 200),
        (b"GET /healthz HTTP/1.1\r\nHost: [::1]:8470", 200),
        (b"GET http://127.0.0.1/healthz HTTP/1.1\r\nHost: localhost", 200),
        (b"GET /healthz HTTP/1.0", 200),
        (b"GET /healthz HTTP/1.1", 400),
        (b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nHost: evil.example", 400),
        (b"GET /healthz HTTP/1.1\r\nHost: evil.example", 421),
        (b"GET http://evil.example/healthz HTTP/1.1\r\nHost: localhost", 421),
        (b"GET /nowhere HTTP/1.1\r\nHost: evil.example", 421),
    ],
)
def test_the_names_that_it_goes_by(server: ApiServer, lines: bytes, status: int) -> None:
    """As they come over the wire: names and addresses, with ports, in absolute form, twice, not at all."""
    head, _ = server.answer(lines + b"\r\n\r\n")

    assert head.split()[1] == str(status).encode()
    assert (b"application/problem+json" in head) is (status != 200)


@pytest.mark.parametrize(
    "lines, status",
    [
        (b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Name: a\x01b", 400),
        (b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX Name: a", 400),
        (b"GET /healthz HTTP/9", 400),
        (b"GET /" + b"a" * 40_000 + b" HTTP/1.1\r\nHost: localhost", 414),
    ],
)
def test_what_is_no_http_is_answered_by_a_problem(server: ApiServer, lines: bytes, status: int) -> None:
    """gunicorn answers these before the application sees them."""
    head, problem = server.answer(lines + b"\r\n\r\n")

    assert b"Content-Type: application/problem+json" in head
    assert b"X-Content-Type-Options: nosniff" in head
    assert head.split()[1] == str(problem["status"]).encode() == str(status).encode()
    assert problem["detail"]


def test_what_is_missing_stands_in_the_log(redis_server: RedisServer, tmp_path: Path) -> None:
    """One line an event, with its fields: here of a database that nobody has migrated."""
    environment = {"FLIGHTLINE_HOME": str(tmp_path), "FLIGHTLINE_REDIS_URL": redis_server.url}
    with served(environment, tmp_path / "server.log") as server:
        assert httpx.get(f"{server.url}/v1/jobs", timeout=None).status_code == 503

        assert re.search(r"WARNING service_unavailable .*code=database_unavailable", server.log.read_text())
        assert server.stop() == 0


def scraped(server: ApiServer) -> dict[tuple[str, ...], float]:
    """The metrics that one of the processes tells, on a connection of its own."""
    return samples(httpx.get(f"{server.url}/metrics", timeout=None).text)


def test_a_scrape_has_the_requests_of_all_processes(redis_server: RedisServer, tmp_path: Path) -> None:
    """Whichever answers it, and also those of a process that was killed: nothing that was counted is lost."""
    key = ("flightline_http_requests_total", "operation=read_health", "status=200")
    environment = {"FLIGHTLINE_HOME": str(tmp_path), "FLIGHTLINE_REDIS_URL": redis_server.url, "FLIGHTLINE_PORT": "0"}
    with served(environment, tmp_path / "server.log") as server:
        for _ in range(20):
            httpx.get(f"{server.url}/healthz", timeout=None)
        assert [scraped(server)[key] for _ in range(6)] == [20] * 6

        os.kill(server.workers[-1], signal.SIGKILL)
        wait_until(lambda: len(server.workers) == 3, "the process that takes its place")
        for _ in range(20):
            httpx.get(f"{server.url}/healthz", timeout=None)
        assert [scraped(server)[key] for _ in range(6)] == [40] * 6


def test_it_serves_and_stops_cleanly(server: ApiServer) -> None:
    """A job goes in over one kept-alive connection and comes out again; SIGTERM ends every process with status 0."""
    with httpx.Client(base_url=server.url, timeout=None) as client:
        created = client.post("/v1/jobs", json={"preset": "notebook-linear"})
        read = client.get(created.headers["Location"])
        pids = server.workers

        assert created.status_code == 201
        assert read.json()["status"] == "queued"
        assert server.stop() == 0
    assert len(pids) == 2
    wait_until(lambda: not any(_alive(pid) for pid in pids), "the workers' end")


def _alive(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()
