"""Rows of several tables inserted together: on PostgreSQL, where each statement is a journey, by one statement."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import Insert, bindparam, insert

from shared.database import clock

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Connection, Table


class Rows(NamedTuple):
    """Rows of one table, all of the same columns."""

    table: type[Any]
    rows: Sequence[Mapping[str, object]]
    now: str | None = None
    """The column that gets the instant of the statement."""


def insert_together(connection: Connection, *parts: Rows) -> None:
    """Insert a few rows of several tables; one statement is built for each mixture of tables and columns."""
    every = [(part, row) for part in parts for row in part.rows]
    if connection.dialect.name == "sqlite":
        for part in parts:
            if part.rows:
                connection.execute(_insert("sqlite", part.table.__table__, part.now), [dict(row) for row in part.rows])
    elif every:
        statement = _merged(tuple((part.table.__table__, part.now, tuple(row)) for part, row in every))
        values = {f"{name}_{n}": value for n, (_, row) in enumerate(every) for name, value in row.items()}
        connection.execute(statement, values)


@lru_cache(100)
def _insert(dialect: str, table: Table, now: str | None) -> Insert:
    return insert(table).values({} if now is None else {now: clock.now_in(dialect)})


@lru_cache(100)
def _merged(shapes: tuple[tuple[Table, str | None, tuple[str, ...]], ...]) -> Insert:
    """Return the statement that inserts a row of each shape; a column's parameter ends with the number of its row."""
    inserts = []
    for n, (table, now, columns) in enumerate(shapes):
        values = {name: bindparam(f"{name}_{n}", type_=table.c[name].type) for name in columns}
        inserts.append(_insert("postgresql", table, now).values(values))
    *others, last = inserts
    return last.add_cte(*(one.cte(f"row_{n}") for n, one in enumerate(others)))
