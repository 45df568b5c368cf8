"""Reports of workers: rows of `workers`, refreshed by the workers' heartbeats."""

from __future__ import annotations

import datetime as dt
import os
import socket
import uuid
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from sqlalchemy import delete, select, update

from shared.database import clock
from shared.database.tables import Job, Worker
from shared.database.upsert import upsert
from shared.fleet.datasets import record_datasets
from shared.jobs.data_needs import Holdings
from shared.jobs.status import JobStatus, Queue, WorkerRole, WorkerState
from shared.processes import born, pid_namespace

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

    from shared.database.engine import Database

FORGET_SECONDS = 3600.0
"""Seconds without a report after which a worker is no longer listed."""


@dataclass(frozen=True)
class Identity:
    """The identity of a worker, which is a process pinned to one device."""

    id: str
    """``host-tag:device:pid``, such as ``gpu-box-9f3a2c:cuda:0:4711``; the tag distinguishes hosts and reused pids."""
    host: str
    pid: int
    device: str
    device_kind: str
    pid_namespace: str | None = None
    pid_born: str | None = None
    """Start of the process; with pid and namespace (`shared.processes`) it identifies one process of all machines."""
    role: WorkerRole = WorkerRole.TRAIN

    @classmethod
    def of_this_process(cls, device: str, device_kind: str, role: WorkerRole = WorkerRole.TRAIN) -> Self:
        """Return the identity of this process as a worker; the id of a predictor says so in place of its device."""
        host, pid = socket.gethostname(), os.getpid()
        what = device if role == WorkerRole.TRAIN else role
        worker_id = f"{host}-{uuid.uuid4().hex[:6]}:{what}:{pid}"
        return cls(worker_id, host, pid, device, device_kind, pid_namespace(), born(pid), role)


class LastReport(NamedTuple):
    """The last report of a worker: its id and time."""

    worker: str
    at: dt.datetime


@dataclass(frozen=True)
class LiveWorker:
    """A worker that takes jobs and has reported lately.

    Attributes:
        id: its id.
        host: its machine's name.
        device_kind: its kind of device.
        idle: whether it works on no job, and is not about to stop.
        holdings: the images that it holds or may download.
        looked_in: the folder that it looks for data sets in; None where it has not looked at all of them yet.
    """

    id: str
    host: str
    device_kind: str
    idle: bool
    holdings: Holdings
    looked_in: str | None

    def serves(self, queue: str) -> bool:
        """Whether it takes jobs of a queue."""
        return queue in (Queue.ANY, self.device_kind)


class KnownProcess(NamedTuple):
    """The process of a worker, which may have ended; another process may have its pid by now."""

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
    """Insert a worker as idle, with the data sets that it holds, which outlive it in the table `datasets`."""

    def work(connection: Connection) -> None:
        now = clock.database_now(connection)
        about = {"device_name": device_name, "versions": versions, "datasets": list(datasets)}
        row = asdict(identity) | about | {"state": WorkerState.IDLE}
        started = connection.scalar(select(now))
        upsert(connection, Worker, [row | {"started_at": started, "last_heartbeat_at": started}])
        record_datasets(connection, identity.id, identity.host, datasets)

    db.write(work)


def report(db: Database, worker_id: str, **changes: Any) -> bool:
    """Refresh a worker's heartbeat and set `changes` (state, datasets). False when the worker is not registered."""

    def work(connection: Connection) -> bool:
        now = clock.database_now(connection)
        statement = update(Worker).where(Worker.id == worker_id).values(last_heartbeat_at=now, **changes)
        host = connection.scalar(statement.returning(Worker.host))
        if host is not None and "datasets" in changes:
            record_datasets(connection, worker_id, host, changes["datasets"])
        return host is not None

    return db.write(work)


def leave(db: Database, worker_id: str) -> None:
    """Delete the row of a worker that has stopped in good order."""
    db.write(lambda connection: connection.execute(delete(Worker).where(Worker.id == worker_id)))


def live(connection: Connection, silent_seconds: float) -> list[LiveWorker]:
    """Return the workers that take jobs and have reported within `silent_seconds`."""
    recent = ~clock.long_ago(connection, Worker.last_heartbeat_at, silent_seconds)
    columns = (Worker.id, Worker.host, Worker.device_kind, Worker.state, Worker.datasets, Worker.looked_in)
    rows = connection.execute(select(*columns).where(Worker.role == WorkerRole.TRAIN, recent).order_by(Worker.id)).all()
    busy = set(connection.scalars(select(Job.worker).where(Job.status == JobStatus.RUNNING))) if rows else set()
    return [
        LiveWorker(
            *(row.id, row.host, row.device_kind),
            idle=row.state == WorkerState.IDLE and row.id not in busy,
            holdings=Holdings(row.datasets),
            looked_in=row.looked_in,
        )
        for row in rows
    ]


def silent(connection: Connection) -> list[LastReport]:
    """Return the workers' last reports that are older than `FORGET_SECONDS` by the database's clock."""
    long_ago = clock.database_now_plus(connection, -FORGET_SECONDS)
    rows = connection.execute(select(Worker.id, Worker.last_heartbeat_at).where(Worker.last_heartbeat_at < long_ago))
    return [LastReport(*row) for row in rows]


def forget(db: Database, reports: Sequence[LastReport]) -> None:
    """Delete the rows of workers, unless they have reported since."""

    def work(connection: Connection) -> None:
        for report in reports:
            same = Worker.last_heartbeat_at == report.at
            connection.execute(delete(Worker).where(Worker.id == report.worker, same))

    if reports:
        db.write(work)


def known_in(db: Database, pid_namespace: str | None) -> list[KnownProcess]:
    """Return the processes of all listed workers in a pid namespace.

    Workers that did not report their namespace, such as those of an older release, are left out; where
    `pid_namespace` is None, so are all.
    """
    if pid_namespace is None:
        return []
    columns = (Worker.id, Worker.pid, Worker.pid_born)
    there = (Worker.pid_namespace == pid_namespace, Worker.pid_born.is_not(None))
    with db.read() as connection:
        rows = connection.execute(select(*columns).where(*there))
        return [KnownProcess(row.id, row.pid, row.pid_born) for row in rows]
