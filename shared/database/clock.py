"""Time by the database's clock, in aware UTC throughout."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any, overload

from sqlalchemy import DateTime, Dialect, String, cast, func, literal_column, or_
from sqlalchemy.types import TypeDecorator

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Connection, SQLColumnExpression
    from sqlalchemy.types import TypeEngine

_SQLITE_FORMAT = "%Y-%m-%d %H:%M:%S.%f"
_SQLITE_NOW = "strftime('%Y-%m-%d %H:%M:%f', 'now')"


class UtcDateTime(TypeDecorator[dt.datetime]):
    """An aware UTC datetime of millisecond precision.

    PostgreSQL stores ``timestamptz``; SQLite stores fixed-width text, so that the order of text is the order of time.
    """

    impl = DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[dt.datetime]:
        """Store text on SQLite and ``timestamptz`` elsewhere."""
        if dialect.name == "sqlite":
            return dialect.type_descriptor(String(23))  # type: ignore[arg-type]
        return dialect.type_descriptor(DateTime(timezone=True))

    def process_bind_param(self, value: dt.datetime | None, dialect: Dialect) -> object:
        """Convert an aware datetime for the database. Raises ValueError for a naive one, which is ambiguous."""
        if value is None:
            return None
        if value.tzinfo is None:
            message = f"{value!r} has no time zone; Flightline stores aware UTC only."
            raise ValueError(message)
        value = value.astimezone(dt.UTC)
        return value.strftime(_SQLITE_FORMAT)[:-3] if dialect.name == "sqlite" else value

    def process_result_value(
        self,
        value: dt.datetime | str | None,
        dialect: Dialect,  # noqa: ARG002 -- SQLAlchemy's signature
    ) -> dt.datetime | None:
        """Convert what the driver returned into an aware datetime in UTC."""
        if value is None:
            return None
        if isinstance(value, str):
            return dt.datetime.fromisoformat(f"{value}+00:00")
        return value.astimezone(dt.UTC)


_UTC = UtcDateTime()  # built once: SQLAlchemy analyses every new expression


def database_now(connection: Connection) -> ColumnElement[dt.datetime]:
    """Return an SQL expression for the current instant by the database's clock.

    On PostgreSQL it is ``clock_timestamp()``, because ``now()`` does not advance inside a transaction.
    """
    return database_now_plus(connection, 0.0)


def database_now_plus(connection: Connection, seconds: float) -> ColumnElement[dt.datetime]:
    """Return an SQL expression for the instant `seconds` from now (negative: ago) by the database's clock."""
    return _now_plus(connection.dialect.name, seconds)


def now_in(dialect: str) -> ColumnElement[dt.datetime]:
    """Return what `database_now` returns for a connection of this dialect."""
    return _now_plus(dialect, 0.0)


def long_ago(connection: Connection, column: SQLColumnExpression[Any], seconds: float) -> ColumnElement[bool]:
    """Return an SQL condition: a recorded instant is more than `seconds` ago, or the clock was set back since.

    An instant more than `seconds` ahead of the clock was recorded before the clock was set back, at an unknown time.
    """
    before, after = database_now_plus(connection, -seconds), database_now_plus(connection, seconds)
    return or_(column < before, column > after)


def _now_plus(dialect: str, seconds: float) -> ColumnElement[dt.datetime]:
    if dialect == "sqlite":
        text = _SQLITE_NOW.replace("'now'", f"'now', '{seconds:+.3f} seconds'")
        return literal_column(text, _UTC)
    now = func.clock_timestamp(type_=_UTC)
    if not seconds:
        return now
    interval: ColumnElement[dt.timedelta] = literal_column(f"interval '{seconds:.3f} seconds'")
    return cast(now + interval, _UTC)


@overload
def isoformat(value: dt.datetime) -> str: ...
@overload
def isoformat(value: None) -> None: ...
def isoformat(value: dt.datetime | None) -> str | None:
    """Format an instant as RFC 3339 with milliseconds and ``Z``, as the API writes it."""
    if value is None:
        return None
    return value.astimezone(dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
