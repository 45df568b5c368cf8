"""A named lock that one process of all machines holds at a time, as a row of `locks` that expires."""

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
"""How long a lock that is not renewed excludes other processes."""
_RENEW_SECONDS = HOLD_SECONDS / 2


class NamedLock:
    """One process's access to a named lock.

    Args:
        db: the database.
        name: name of the lock.
        holder: name of the process; unique among all processes.
    """

    def __init__(self, db: Database, name: str, holder: str) -> None:
        self._db = db
        self._name = name
        self._holder = holder

    def acquire(self) -> bool:
        """Acquire or renew the lock; False while another process holds it.

        The row is read first, so that only a process that acquires or renews the lock writes it.
        """
        return self._db.write(self._acquire)

    def _acquire(self, connection: Connection) -> bool:
        expiry = clock.database_now_plus(connection, HOLD_SECONDS)
        columns = (Lock.holder, Lock.expires_at, expiry.label("renewed"))
        row = connection.execute(select(*columns).where(Lock.name == self._name)).one_or_none()
        if row is not None:
            left = (row.expires_at - row.renewed).total_seconds() + HOLD_SECONDS
            mine: bool = row.holder == self._holder
            # More time left than HOLD_SECONDS means that the database's clock was set back: such a lock is void.
            if 0.0 <= left <= HOLD_SECONDS and (not mine or left > _RENEW_SECONDS):
                return mine
        return self._write(connection, row and row.expires_at)

    def _write(self, connection: Connection, seen: dt.datetime | None) -> bool:
        expiry = connection.scalar(select(clock.database_now_plus(connection, HOLD_SECONDS)))
        values = {"name": self._name, "holder": self._holder, "expires_at": expiry}
        return upsert(connection, Lock, [values], where=lambda _new: Lock.expires_at == seen) > 0

    def release(self) -> None:
        """Release the lock; does nothing where another process holds it."""
        mine = delete(Lock).where(Lock.name == self._name, Lock.holder == self._holder)
        self._db.write(lambda connection: connection.execute(mine))
