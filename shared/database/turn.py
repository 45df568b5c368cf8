"""A turn: a named lock that one process holds at a time, as a row of `locks`."""

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
"""How long a turn that is not renewed excludes other processes."""
_RENEW_SECONDS = HOLD_SECONDS / 2


class Turn:
    """One process's access to a named turn.

    Args:
        db: the database.
        name: name of the turn.
        holder: name of the process; unique among all processes.
    """

    def __init__(self, db: Database, name: str, holder: str) -> None:
        self._db = db
        self._name = name
        self._holder = holder

    def take(self) -> bool:
        """Take or renew the turn; False while another process has it.

        The row is read first, so that only a process that takes or renews the turn locks it.
        """
        return self._db.write(self._take)

    def _take(self, connection: Connection) -> bool:
        expiry = clock.database_now_plus(connection, HOLD_SECONDS)
        columns = (Lock.holder, Lock.expires_at, expiry.label("renewed"))
        row = connection.execute(select(*columns).where(Lock.name == self._name)).one_or_none()
        if row is not None:
            left = (row.expires_at - row.renewed).total_seconds() + HOLD_SECONDS
            mine: bool = row.holder == self._holder
            # A remaining time longer than a turn means that the database's clock was set back: such a turn is void.
            if 0.0 <= left <= HOLD_SECONDS and (not mine or left > _RENEW_SECONDS):
                return mine
        return self._write(connection, row and row.expires_at)

    def _write(self, connection: Connection, seen: dt.datetime | None) -> bool:
        expiry = connection.scalar(select(clock.database_now_plus(connection, HOLD_SECONDS)))
        values = {"name": self._name, "holder": self._holder, "expires_at": expiry}
        return upsert(connection, Lock, [values], where=lambda _new: Lock.expires_at == seen) > 0

    def give_up(self) -> None:
        """Release the turn; does nothing where another process has it."""
        mine = delete(Lock).where(Lock.name == self._name, Lock.holder == self._holder)
        self._db.write(lambda connection: connection.execute(mine))
