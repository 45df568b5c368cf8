"""Time: the database's clock decides, and every instant is aware UTC."""

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
        """Text on SQLite, a real timestamp elsewhere."""
        if dialect.name == "sqlite":
            return dialect.type_descriptor(String(23))  # type: ignore[arg-type]
        return dialect.type_descriptor(DateTime(timezone=True))

    def process_bind_param(self, value: dt.datetime | None, dialect: Dialect) -> object:
        """Refuse naive datetimes: they mean another instant on another machine."""
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
        """Always aware UTC, whatever the driver gave."""
        if value is None:
            return None
        if isinstance(value, str):
            return dt.datetime.strptime(value, _SQLITE_FORMAT).replace(tzinfo=dt.UTC)
        return value.astimezone(dt.UTC)


_UTC = UtcDateTime()  # made once: SQLAlchemy looks at every new one closely


def database_now(connection: Connection) -> ColumnElement[dt.datetime]:
    """The current instant as an SQL expression, by the database's clock.

    ``clock_timestamp()`` rather than ``now()`` on PostgreSQL, which stands still inside a transaction.
    """
    return database_now_plus(connection, 0.0)


def database_now_plus(connection: Connection, seconds: float) -> ColumnElement[dt.datetime]:
    """The database's instant `seconds` from now (negative: ago), as an SQL expression."""
    return _now_plus(connection.dialect.name, seconds)


def long_ago(connection: Connection, column: SQLColumnExpression[Any], seconds: float) -> ColumnElement[bool]:
    """Whether a recorded instant is more than `seconds` ago, or was before the database's clock was set back.

    Of an instant that lies ahead by more than the seconds nothing is known but that it is none of the last ones.
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
    """RFC 3339 with milliseconds and ``Z``, as the API writes it."""
    if value is None:
        return None
    return value.astimezone(dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
