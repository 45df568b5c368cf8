"""The service that is hurt: the real API, workers, Redis and database, kept running as `flightline up` does."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import MappingProxyType

import migrations
from flightline.stack import redis_server
from flightline.stack.addresses import free_port
from flightline.stack.processes import Child
from flightline.stack.programs import Layout
from shared.database.engine import Database
from shared.delivery.broker import Broker
from shared.delivery.redis_socket import socket_path, socket_url
from shared.settings import Settings
from shared.storage.orphans import names_files
from shared.storage.store import Storage
from tests.chaos.bucket import Bucket
from tests.chaos.disk import Disk
from tests.support.processes import environment
from tests.support.servers import PostgresServer, start_postgres_of, wait_until

MARK = "FLIGHTLINE_CHAOS_RUN"
"""An environment variable that every process of a run carries, so that leftovers are found."""
SETTINGS: dict[str, object] = {
    "lease_seconds": 5.0,
    "heartbeat_seconds": 0.5,
    "reconcile_seconds": 0.5,
    "checkpoint_seconds": 0.5,
    "stop_grace_seconds": 10.0,
}
"""Quicker than the defaults, so that a run of minutes sees many leases end."""
_START_SECONDS = 90.0
_STOP_SECONDS = 40.0


class DurablePostgres(PostgresServer):
    """One whose commits outlive it (though not a power cut), as a real one's do."""

    def command(self) -> list[str]:
        """Wait for the write-ahead log at every commit."""
        return [*super().command(), "-c", "synchronous_commit=on"]

    def start_again(self) -> None:
        """Start after a kill, once the kernel has let go of what the old one held."""
        for remaining in reversed(range(50)):
            try:
                self.start()
            except AssertionError:
                if not remaining:
                    raise
                time.sleep(0.2)
            else:
                return

    def processes(self) -> list[int]:
        """The server's process and those of its connections."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return [self.process.pid, *map(int, children.split())]


class Stack:
    """One service in a folder of its own. All of its methods belong to the main thread, which the kernel ties it to.

    Args:
        folder: for its home, which holds logs, database and artifacts.
        database: ``sqlite`` or ``postgresql``.
        storage: ``folder`` or ``s3``.
        workers: how many; all on the CPU.
        settings: fields of `Settings`, beside the places that are decided here.
    """

    def __init__(
        self,
        folder: Path,
        database: str,
        storage: str,
        workers: int,
        settings: Mapping[str, object] = MappingProxyType(SETTINGS),
    ) -> None:
        home = folder / "home"
        self.disk: Disk | Bucket = Disk(home / "artifacts") if storage == "folder" else Bucket(home / "artifacts.kept")
        self.postgres = start_postgres_of(DurablePostgres) if database == "postgresql" else None
        places: dict[str, object] = {"home": home, "redis_url": socket_url(socket_path(home))}
        places["artifacts_url"] = self.disk.url
        if self.postgres is not None:
            places["database_url"] = self.postgres.create("chaos")
        self.settings = Settings.model_validate(places | dict(settings))
        port = free_port("127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{port}"
        os.environ.update(environment(self.settings) | {MARK: folder.name})
        grace = self.settings.stop_grace_seconds
        layout = Layout(home, "127.0.0.1", port, ("cpu",) * workers, self.settings.broker_url, grace)
        self.logs = layout.logs
        self.redis = Child(layout.redis())
        self.api = Child(layout.api())
        self.workers = {program.name: Child(program) for program in layout.workers()}
        self.db = Database(self.settings.sqlalchemy_url)
        self.broker = Broker(self.settings.broker_url)
        self.storage = Storage(self.settings.storage_url, in_use=partial(names_files, self.db))
        self.deaths: list[tuple[str, int]] = []
        """Who ended with which code and was started again."""

    def start(self) -> None:
        """Bring everything up, and wait for the API."""
        self.logs.mkdir(parents=True)
        self.disk.prepare()
        migrations.upgrade(self.db)
        self.start_redis()
        for child in (self.api, *self.workers.values()):
            child.start()
        wait_until(self._serves, "the API", _START_SECONDS)

    def _serves(self) -> bool:
        self.look()
        return self.logged("api", "Booting worker")

    def start_redis(self) -> None:
        """Start Redis, the first time and after a kill. Whoever needs it waits by himself."""
        redis_server.prepare(self.settings.home_dir)
        self.redis.start()

    def kill_redis(self) -> None:
        """Pull its plug."""
        self.redis.kill()

    def look(self) -> None:
        """Start again what has ended, half a second later, however often it happens."""
        for child in (self.api, *self.workers.values()):
            if (code := child.exited()) is not None:
                self.deaths.append((child.program.name, code))
                child.deaths = 0
                child.postpone()
            elif child.due():
                child.start()

    def logged(self, name: str, text: str) -> bool:
        """Whether a program's log holds this text."""
        path = self.logs / f"{name}.log"
        return path.exists() and text in path.read_text(errors="replace")

    def stop(self) -> list[str]:
        """Stop in order: API, workers, Redis. Returns what did not go well."""
        complaints = []
        for group in ([self.api], list(self.workers.values()), [self.redis]):
            for child in group:
                child.terminate()
            complaints += [text for child in group if (text := _ended_badly(child))]
        return complaints

    def remove(self) -> None:
        """End everything, however it stands."""
        for child in (self.api, *self.workers.values(), self.redis):
            child.kill()
        self.broker.close()
        self.db.dispose()
        if self.postgres is not None:
            self.postgres.remove()
        self.disk.remove()

    def leftovers(self) -> list[int]:
        """Processes of this run that are still there, beside this one and PostgreSQL's."""
        mark = f"{MARK}={self.settings.home_dir.parent.name}".encode()
        known = {os.getpid(), *(self.postgres.processes() if self.postgres else ())}
        return [pid for pid in _all_pids() if pid not in known and mark in _environment_of(pid)]


def children_of(pid: int) -> list[int]:
    """The ids of a process' children; none when it is gone."""
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def signal_group(pid: int | None, how: signal.Signals) -> None:
    """Send a signal to a program and all that it started, if it runs."""
    if not pid:
        return  # to killpg, 0 would mean ourselves
    with suppress(ProcessLookupError):
        os.killpg(pid, how)


def _ended_badly(child: Child) -> str | None:
    """Wait for the end of a program that was told to stop; what to complain about."""
    name = child.program.name
    deadline = time.monotonic() + _STOP_SECONDS
    while child.pid is not None:
        code = child.exited()
        if code is not None:
            return f"{name} ended with exit code {code} when it was stopped" if code else None
        if time.monotonic() > deadline:
            child.kill()
            return f"{name} did not stop within {_STOP_SECONDS:g} s"
        time.sleep(0.05)
    return None


def _all_pids() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def _environment_of(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return b""
