"""``INSERT … ON CONFLICT DO UPDATE``: the same SQL for both databases, but two dialects in SQLAlchemy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy.dialects import postgresql, sqlite

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sqlalchemy import ColumnElement, Connection


def upsert(
    connection: Connection,
    table: type[Any],
    rows: Sequence[Mapping[str, object]],
    where: Callable[[Any], ColumnElement[bool]] | None = None,
) -> int:
    """Insert rows; overwrite an existing row with the same primary key if `where(excluded)` holds.

    All rows must have the same columns. Returns the number of rows written.
    """
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    statement = dialect.insert(table.__table__)
    keys = [column.name for column in table.__table__.primary_key.columns]
    columns = {name: statement.excluded[name] for name in rows[0] if name not in keys}
    condition = None if where is None else where(statement.excluded)
    statement = statement.on_conflict_do_update(index_elements=keys, set_=columns, where=condition)
    # Without this option SQLAlchemy discards psycopg's count of inserted rows.
    connection = connection.execution_options(preserve_rowcount=True)
    return connection.execute(statement, [dict(row) for row in rows]).rowcount
