"""Which sweeps are unfinished; a module of its own, as it costs no memory to load."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from shared.database.tables import Sweep

if TYPE_CHECKING:
    from shared.database.engine import Database


def unfinished(db: Database) -> list[str]:
    """Return the ids of the sweeps of which something may remain to be done, the oldest first."""
    with db.read() as connection:
        return list(connection.scalars(select(Sweep.id).where(Sweep.finished_at.is_(None)).order_by(Sweep.id)))
