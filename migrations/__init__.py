"""The database's schema, step by step (Alembic). `upgrade` is all that others call."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING

from alembic import command
from alembic.config import Config

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from shared.db import Database


# Within a process: Alembic keeps what it works on in globals. Between processes the database's own locks do.
_one_at_a_time = threading.Lock()


def upgrade(db: Database, revision: str = "head") -> None:
    """Bring the database's schema to `revision`; nothing happens where it already is. Makes SQLite's file.

    Raises:
        DatabaseUnavailable: the database does not answer.
    """
    db.create()
    with _one_at_a_time:
        db.write(lambda connection: command.upgrade(_config(connection), revision))


def downgrade(db: Database, revision: str) -> None:
    """Take the database's schema back to `revision` (``base``: to nothing)."""
    with _one_at_a_time:
        db.write(lambda connection: command.downgrade(_config(connection), revision))


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config
