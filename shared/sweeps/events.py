"""A sweep's events: what it made, promoted and ended, in one sequence in commit order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import select

from shared.database import clock
from shared.database.clock import isoformat
from shared.database.tables import Sweep, SweepEvent
from shared.errors import SweepNotFound
from shared.jobs.guarded_write import insert_rows
from shared.wire import Event

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Sequence
    from typing import Any

    from sqlalchemy import Connection

    from shared.database.engine import Database

    Told = tuple[str, dict[str, Any]]
    """Kind and data of an event."""


@dataclass(frozen=True)
class Reached:
    """A value of a point: the rung and the epochs after which it was taken, and when it became known."""

    rung: int
    epoch: int
    value: float
    at: dt.datetime


@dataclass(frozen=True)
class Position:
    """A sweep's position: the number of its newest event, and whether it has ended, so that none can follow."""

    seq: int
    finished: bool


def add(connection: Connection, sweep_id: str, before: int, told: Sequence[Told]) -> int:
    """Write events of a sweep whose row is locked, after number `before`; return the number of the last one."""
    rows = [
        {"sweep_id": sweep_id, "seq": seq, "kind": kind, "data": data}
        for seq, (kind, data) in enumerate(told, before + 1)
    ]
    insert_rows(connection, SweepEvent, rows, created_at=clock.database_now(connection))
    return before + len(rows)


def events(db: Database, sweep_id: str, after: int = 0) -> tuple[list[Event], Position]:
    """Return the events after number `after`, in order, and the position that they reach.

    Their kinds: `status` (of the sweep), `trial` (a job was made), `promoted`, `ended` (a point has stopped: at a rung,
    at its end or failed).

    Raises:
        SweepNotFound: no such sweep.
    """
    columns = (SweepEvent.seq, SweepEvent.kind, SweepEvent.data, SweepEvent.created_at)
    wanted = select(*columns).where(SweepEvent.sweep_id == sweep_id, SweepEvent.seq > after).order_by(SweepEvent.seq)
    with db.read() as connection:
        now = _position(connection, sweep_id)
        rows = connection.execute(wanted).all()
    found = [Event(seq=row.seq, kind=row.kind, data=row.data | {"at": isoformat(row.created_at)}) for row in rows]
    return found, now


def reached(connection: Connection, sweep_id: str, points: Sequence[int]) -> dict[int, list[Reached]]:
    """Return the values that points of a sweep have had at their rungs and ends, in order; none has no entry."""
    point = SweepEvent.data["point"].as_integer()
    ended = (SweepEvent.sweep_id == sweep_id, SweepEvent.kind == "ended", point.in_(points))
    found: dict[int, list[Reached]] = {}
    wanted = select(SweepEvent.data, SweepEvent.created_at).where(*ended).order_by(SweepEvent.seq)
    for data, at in connection.execute(wanted):
        if data["value"] is not None:
            found.setdefault(data["point"], []).append(Reached(data["rung"], data["epoch"], data["value"], at))
    return found


def position(db: Database, sweep_id: str) -> Position:
    """Return the position of a sweep. Raises SweepNotFound."""
    with db.read() as connection:
        return _position(connection, sweep_id)


def _position(connection: Connection, sweep_id: str) -> Position:
    row = connection.execute(select(Sweep.event_seq, Sweep.finished_at).where(Sweep.id == sweep_id)).one_or_none()
    if row is None:
        raise SweepNotFound(sweep_id)
    return Position(row.event_seq, row.finished_at is not None)
