"""A turn: a named right that one process holds at a time, as a row of `locks`."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from sqlalchemy import delete, select

from shared.database import clock
from shared.database.tables import Lock
from shared.database.upsert import upsert

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from shared.database.engine import Database

HOLD_SECONDS = 10.0
"""How long a turn is kept from others without being renewed."""
_RENEW_SECONDS = HOLD_SECONDS / 2


class Turn:
    """One process' share in a right.

    Args:
        db: the database.
        name: which right.
        holder: who asks; unique among all processes.
    """

    def __init__(self, db: Database, name: str, holder: str) -> None:
        self._db = db
        self._name = name
        self._holder = holder

    def take(self) -> bool:
        """Take the turn, or keep it; False while another process has it.

        The row is read first: only who takes or renews the turn locks it.
        """
        return self._db.write(self._take)

    def _take(self, connection: Connection) -> bool:
        expiry = clock.database_now_plus(connection, HOLD_SECONDS)
        columns = (Lock.holder, Lock.expires_at, expiry.label("renewed"))
        row = connection.execute(select(*columns).where(Lock.name == self._name)).one_or_none()
        if row is not None:
            left = (row.expires_at - row.renewed).total_seconds() + HOLD_SECONDS
            mine: bool = row.holder == self._holder
            # More than a turn lasts is left only where the database's clock was set back: that turn is worth nothing.
            if 0.0 <= left <= HOLD_SECONDS and (not mine or left > _RENEW_SECONDS):
                return mine
        return self._write(connection, row and row.expires_at)

    def _write(self, connection: Connection, seen: dt.datetime | None) -> bool:
        expiry = connection.scalar(select(clock.database_now_plus(connection, HOLD_SECONDS)))
        values = {"name": self._name, "holder": self._holder, "expires_at": expiry}
        return upsert(connection, Lock, [values], where=lambda _new: Lock.expires_at == seen) > 0

    def give_up(self) -> None:
        """Leave the turn to others; nothing happens where another process has it."""
        mine = delete(Lock).where(Lock.name == self._name, Lock.holder == self._holder)
        self._db.write(lambda connection: connection.execute(mine))
