"""What workers report of themselves: rows of `workers`, refreshed by their heartbeat."""

from __future__ import annotations

import datetime as dt
import os
import socket
import uuid
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from sqlalchemy import delete, select, update

from shared.database import clock
from shared.database.tables import Worker
from shared.database.upsert import upsert
from shared.jobs.status import WorkerState
from shared.processes import born, pid_namespace

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

    from shared.database.engine import Database

FORGET_SECONDS = 3600.0
"""A worker that has been silent for so long is no longer listed."""


@dataclass(frozen=True)
class Identity:
    """One worker: a process pinned to one device."""

    id: str
    """``host-tag:device:pid``, such as ``gpu-box-9f3a2c:cuda:0:4711``: hosts may share a name, pids come again."""
    host: str
    pid: int
    device: str
    device_kind: str
    pid_namespace: str | None = None
    pid_born: str | None = None
    """These two as in `shared.processes`: with the pid they name one process among those of all machines."""

    @classmethod
    def of_this_process(cls, device: str, device_kind: str) -> Self:
        """That of the worker which this process is."""
        host, pid = socket.gethostname(), os.getpid()
        worker_id = f"{host}-{uuid.uuid4().hex[:6]}:{device}:{pid}"
        return cls(worker_id, host, pid, device, device_kind, pid_namespace(), born(pid))


class LastReport(NamedTuple):
    """When a worker reported last."""

    worker: str
    at: dt.datetime


class KnownProcess(NamedTuple):
    """A worker's process, which may have ended; its id may be another one's by now."""

    worker: str
    pid: int
    born: str


def register(
    db: Database,
    identity: Identity,
    *,
    device_name: str | None,
    versions: dict[str, str],
    datasets: Sequence[dict[str, Any]],
) -> None:
    """Write a worker down as idle, with what it holds."""

    def work(connection: Connection) -> None:
        now = clock.database_now(connection)
        about = {"device_name": device_name, "versions": versions, "datasets": list(datasets)}
        row = asdict(identity) | about | {"state": WorkerState.IDLE}
        started = connection.scalar(select(now))
        upsert(connection, Worker, [row | {"started_at": started, "last_heartbeat_at": started}])

    db.write(work)


def report(db: Database, worker_id: str, **changes: object) -> bool:
    """Refresh a worker's heartbeat and set `changes` (state, datasets). False when it is not registered."""

    def work(connection: Connection) -> bool:
        now = clock.database_now(connection)
        statement = update(Worker).where(Worker.id == worker_id).values(last_heartbeat_at=now, **changes)
        return bool(connection.execute(statement).rowcount)

    return db.write(work)


def leave(db: Database, worker_id: str) -> None:
    """Take a worker that stopped in good order off the list."""
    db.write(lambda connection: connection.execute(delete(Worker).where(Worker.id == worker_id)))


def silent(connection: Connection) -> list[LastReport]:
    """The last reports of workers that are older than `FORGET_SECONDS` by the database's clock."""
    long_ago = clock.database_now_plus(connection, -FORGET_SECONDS)
    rows = connection.execute(select(Worker.id, Worker.last_heartbeat_at).where(Worker.last_heartbeat_at < long_ago))
    return [LastReport(*row) for row in rows]


def forget(db: Database, reports: Sequence[LastReport]) -> None:
    """Take workers off the list, unless they have reported since."""

    def work(connection: Connection) -> None:
        for report in reports:
            same = Worker.last_heartbeat_at == report.at
            connection.execute(delete(Worker).where(Worker.id == report.worker, same))

    if reports:
        db.write(work)


def known_in(db: Database, pid_namespace: str | None) -> list[KnownProcess]:
    """The process of every worker that runs, or ran, where process ids mean the same.

    None of those that did not say so, such as workers of the release before, and none where that is not known.
    """
    if pid_namespace is None:
        return []
    columns = (Worker.id, Worker.pid, Worker.pid_born)
    there = (Worker.pid_namespace == pid_namespace, Worker.pid_born.is_not(None))
    with db.read() as connection:
        rows = connection.execute(select(*columns).where(*there))
        return [KnownProcess(row.id, row.pid, row.pid_born) for row in rows]
