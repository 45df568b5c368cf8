"""What workers report of themselves: rows of `workers`, refreshed by their heartbeat."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, select, update

from shared import clock
from shared.status import WorkerState
from shared.tables import Worker
from shared.upsert import upsert

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

    from shared.db import Database

FORGET_SECONDS = 3600.0
"""A worker that has been silent for so long is no longer listed."""


@dataclass(frozen=True)
class Identity:
    """One worker: a process pinned to one device."""

    id: str
    """``host:device:pid``, such as ``gpu-box:cuda:0:4711``."""
    host: str
    pid: int
    device: str
    device_kind: str


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


def forget_silent(db: Database) -> None:
    """Take workers off the list that have been silent for `FORGET_SECONDS`."""

    def work(connection: Connection) -> None:
        long_ago = clock.database_now_plus(connection, -FORGET_SECONDS)
        connection.execute(delete(Worker).where(Worker.last_heartbeat_at < long_ago))

    db.write(work)


def known_on(db: Database, host: str) -> list[tuple[str, int]]:
    """The (id, pid) of every worker that this host is said to run."""
    with db.read() as connection:
        rows = connection.execute(select(Worker.id, Worker.pid).where(Worker.host == host))
        return [(row.id, row.pid) for row in rows]
