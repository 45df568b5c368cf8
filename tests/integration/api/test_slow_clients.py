"""Clients that send or take a byte now and then, or nothing: they hold no thread, and slow lines go on."""

from __future__ import annotations

import shutil
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from api.services import Services
from shared.jobs.running import attempts
from shared.settings import Settings
from tests.support import factories
from tests.support.api_server import ApiServer, served
from tests.support.servers import RedisServer, wait_until

THREADS = 4
FILE_BYTES = 12_000_000
"""More than the kernel holds for a connection."""


@pytest.fixture(scope="module")
def home(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a database that has been migrated."""
    home = tmp_path_factory.mktemp("home")
    shutil.copy(sqlite_template, home / "flightline.db")
    return home


@pytest.fixture(scope="module")
def server(redis_server: RedisServer, home: Path) -> Iterator[ApiServer]:
    """A server of few threads that bears slow clients for two seconds."""
    environment = {
        "FLIGHTLINE_HOME": str(home),
        "FLIGHTLINE_REDIS_URL": redis_server.url,
        "FLIGHTLINE_API_PROCESSES": "1",
        "FLIGHTLINE_API_THREADS": str(THREADS),
        "FLIGHTLINE_CLIENT_SECONDS": "2",
    }
    with served(environment, home / "server.log") as server:
        yield server


@pytest.fixture
def services(redis_server: RedisServer, home: Path) -> Iterator[Services]:
    """The database and the storage that the server has."""
    services = Services.build(Settings.model_validate({"home": home, "redis_url": redis_server.url}))
    yield services
    services.broker.close()
    services.db.dispose()


@pytest.fixture
def connections(server: ApiServer) -> Iterator[Callable[[bytes], list[socket.socket]]]:
    """Open more connections than there are threads, and send the same bytes on each."""
    opened: list[socket.socket] = []

    def connect(request: bytes) -> list[socket.socket]:
        opened.extend(server.connect() for _ in range(2 * THREADS))
        for connection in opened:
            connection.sendall(request)
        return opened

    yield connect
    for connection in opened:
        connection.close()


Connect = Callable[[bytes], list[socket.socket]]


def works(server: ApiServer) -> bool:
    """Whether a request is answered."""
    return server.first_line(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n") == b"HTTP/1.1 200 OK"


def the_rest(connection: socket.socket) -> bytes:
    """All that comes until the server closes the connection; nothing where it is reset."""
    try:
        return b"".join(iter(lambda: connection.recv(65536), b""))
    except ConnectionResetError:
        return b""


@pytest.mark.parametrize("request_", [b"", b"GET /healthz HT", b"GET /healthz HTTP/1.1\r\nX-Slow: "])
def test_heads_that_do_not_end_hold_no_thread(server: ApiServer, connections: Connect, request_: bytes) -> None:
    """Others are served meanwhile."""
    connections(request_)

    assert works(server)
    assert works(server)


def test_a_head_may_come_byte_by_byte(server: ApiServer) -> None:
    """It is answered once it is whole, and so is the next one on the same connection."""
    with server.connect() as connection:
        read = connection.makefile("rb")
        for _ in range(2):
            for byte in b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n":
                connection.sendall(bytes([byte]))
            assert read.readline() == b"HTTP/1.1 200 OK\r\n"
            while read.readline() != b"\r\n":
                pass
            assert read.read(len(b'{"status":"ok"}')) == b'{"status":"ok"}'


def test_requests_may_be_sent_ahead(server: ApiServer) -> None:
    """Each is answered, in order, also where the last one's end comes later."""
    request = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n"
    last = b"GET /nowhere HTTP/1.0\r\n"
    with server.connect() as connection:
        connection.sendall(request + b"\r\n" + request + b"\r\n" + last)
        connection.sendall(b"\r\n")
        answers = the_rest(connection)

    assert [answers.count(b"HTTP/1.1 200 OK"), answers.count(b"404 NOT FOUND")] == [2, 1]
    assert answers.index(b" 404 ") > answers.rindex(b" 200 ")


def test_a_head_that_is_too_large_is_refused(server: ApiServer) -> None:
    """Before it ends, with a problem that says so."""
    head = b"GET /healthz HTTP/1.1\r\n" + b"".join(b"X-%d: %s\r\n" % (n, b"x" * 8000) for n in range(20))
    with server.connect() as connection:
        connection.sendall(head)
        answer = the_rest(connection)

    assert answer.startswith(b"HTTP/1.1 431 ")
    assert b"application/problem+json" in answer


def test_clients_that_do_not_close_stop_nobody(server: ApiServer, connections: Connect) -> None:
    """A connection that the server has closed waits for no client, whatever else is served."""
    for connection in connections(b"GET /healthz HTTP/1.0\r\n\r\n"):
        assert the_rest(connection).startswith(b"HTTP/1.0 200 OK")

    assert works(server)


BODY = b"POST /v1/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"


@pytest.mark.parametrize(
    "body",
    [BODY + b"Content-Length: 100\r\n\r\n{", BODY + b"Transfer-Encoding: chunked\r\n\r\n64\r\n{"],
    ids=["length", "chunks"],
)
def test_bodies_that_do_not_end_are_given_up(server: ApiServer, connections: Connect, body: bytes) -> None:
    """The client is told that its body broke off, and its thread is free again."""
    answers = [connection.recv(65536) for connection in connections(body)]

    assert all(answer.startswith(b"HTTP/1.1 400 ") for answer in answers)
    assert works(server)


def test_a_body_that_drips_is_given_up(server: ApiServer) -> None:
    """A byte now and then does not count as a slow line."""
    with server.connect() as connection:
        connection.sendall(BODY + b"Content-Length: 100000\r\n\r\n")
        connection.settimeout(0.05)
        answer = b""
        while not answer:
            connection.sendall(b" ")
            try:
                answer = connection.recv(65536)
            except TimeoutError:
                continue

    assert answer.startswith(b"HTTP/1.1 400 ")


@pytest.fixture
def download(services: Services) -> bytes:
    """The request for a large file of a finished job."""
    job_id = factories.submit(services.db)
    claim = factories.claim(services.db, job_id)
    stored = services.storage.put(f"{job_id}/1/best.safetensors", bytes(FILE_BYTES))
    artifact = factories.artifact(path=stored.path, sha256=stored.sha256, bytes=stored.bytes)
    told: dict[str, Any] = {
        "epochs": [factories.epoch_row(1)],
        "best": factories.best(),
        "exact": True,
        "evaluations": [],
    }
    assert attempts.succeed(services.db, claim, **told, artifacts=[artifact])
    return f"GET /v1/jobs/{job_id}/artifacts/best.safetensors HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()


def test_answers_that_nobody_takes_are_given_up(server: ApiServer, connections: Connect, download: bytes) -> None:
    """Each client's thread is free again, and its download ends early."""
    unread = connections(download)
    wait_until(lambda: server.log.read_text().count("does=takes") >= len(unread), "every client's end")

    assert works(server)
    assert all(len(the_rest(connection)) < FILE_BYTES for connection in unread)


def test_a_slow_download_goes_on(server: ApiServer, download: bytes) -> None:
    """It takes several times as long as a client may be silent, and comes whole."""
    began, received = time.monotonic(), bytearray()
    with server.connect() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
        connection.sendall(download)
        while len(received) < FILE_BYTES:
            piece = connection.recv(1 << 17)
            assert piece, f"the download ended after {len(received)} bytes and {time.monotonic() - began:.1f} s"
            received += piece
            time.sleep(len(piece) / (FILE_BYTES / 5))

    assert len(received) > FILE_BYTES


def test_an_event_stream_without_events_goes_on(server: ApiServer, services: Services) -> None:
    """A stream on which nothing happens for longer than a client may be silent brings what happens then."""
    job_id = factories.submit(services.db)
    with server.connect() as connection:
        connection.sendall(f"GET /v1/jobs/{job_id}/events HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        read = connection.makefile("rb")
        assert any(b"queued" in line for line in read)
        time.sleep(3)
        claim = factories.claim(services.db, job_id)
        assert any(b"running" in line for line in read)
        attempts.record_epochs(services.db, claim, [factories.epoch_row(1)], factories.best())
        assert any(b"train_loss" in line for line in read)
