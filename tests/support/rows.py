"""A row for every table there is, so that a test of the whole database needs no change when a table is added."""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON, Boolean, Column, Connection, Float, Integer, insert, select

from shared.database.clock import UtcDateTime
from shared.database.engine import Database
from shared.database.tables import Base
from tests.support import factories

TEXT = "text ü"


def fill(db: Database) -> None:
    """Write one row into each table, every column set; those that belong to a job belong to the same one."""

    def work(connection: Connection) -> None:
        for table in Base.metadata.sorted_tables:
            connection.execute(insert(table).values({column.name: _value(column) for column in table.columns}))

    db.write(work)


def contents(db: Database) -> dict[str, list[tuple[Any, ...]]]:
    """All rows of all tables, by the table's name."""
    with db.read() as connection:
        return {
            table.name: [tuple(row) for row in connection.execute(select(table).order_by(*table.primary_key))]
            for table in Base.metadata.sorted_tables
        }


def _value(column: Column[Any]) -> object:
    if isinstance(column.type, UtcDateTime):
        return factories.EPOCH
    if isinstance(column.type, JSON):
        return {"a": [1, 0.5, None, TEXT]}
    for kind, value in ((Boolean, True), (Float, 0.125), (Integer, 7)):
        if isinstance(column.type, kind):
            return value
    return TEXT
