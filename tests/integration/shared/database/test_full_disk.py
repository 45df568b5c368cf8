"""A database whose disk is full."""

from __future__ import annotations

import pytest
from sqlalchemy import Connection, func, insert, select, text

from shared.database import clock
from shared.database.engine import Database
from shared.database.tables import Lock
from shared.errors import DatabaseUnusable


def _lock(connection: Connection, name: str) -> None:
    now = clock.database_now(connection)
    connection.execute(insert(Lock).values(name=name, holder="me", expires_at=now))


def test_a_file_that_cannot_grow(sqlite_database: Database) -> None:
    """Nothing of the transaction is kept, somebody has to make room, and then it goes on."""
    pages = sqlite_database.write(lambda connection: connection.exec_driver_sql("PRAGMA page_count").scalar_one())

    def work(connection: Connection) -> None:
        connection.exec_driver_sql(f"PRAGMA max_page_count={pages}")
        for number in range(5000):
            _lock(connection, f"{number}")

    with pytest.raises(DatabaseUnusable, match=r"disk of the database file .* is full.*free some space") as caught:
        sqlite_database.write(work)
    assert not caught.value.retryable

    sqlite_database.dispose()
    with sqlite_database.read() as connection:
        assert connection.scalar(select(func.count()).select_from(Lock)) == 0
    sqlite_database.write(lambda connection: _lock(connection, "a"))


def test_a_server_that_has_no_room(postgres_database: Database) -> None:
    """PostgreSQL says it by a state of its own."""
    full = text("DO $$ BEGIN RAISE EXCEPTION 'No space left on device' USING ERRCODE = '53100'; END $$")
    with pytest.raises(DatabaseUnusable, match="disk of the database is full"):
        postgres_database.write(lambda connection: connection.execute(full))
