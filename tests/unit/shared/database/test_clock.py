"""Instants."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import create_engine

from shared.database.clock import UtcDateTime, isoformat

SQLITE: Any = create_engine("sqlite://").dialect
POSTGRESQL: Any = create_engine("postgresql+psycopg://").dialect
ZONES = st.integers(-12 * 60, 14 * 60).map(lambda minutes: dt.timezone(dt.timedelta(minutes=minutes)))
INSTANTS = st.datetimes(dt.datetime(1970, 1, 2), dt.datetime(9999, 12, 30), timezones=ZONES)  # noqa: DTZ001 -- bounds


def text(instant: dt.datetime) -> str:
    """As SQLite stores it."""
    stored = UtcDateTime().process_bind_param(instant, SQLITE)
    assert isinstance(stored, str)
    return stored


@given(INSTANTS, INSTANTS)
def test_the_order_of_text_is_the_order_of_time(one: dt.datetime, other: dt.datetime) -> None:
    """To the millisecond, from any time zone."""
    first, second = (int(instant.timestamp() * 1e6) // 1000 for instant in (one, other))

    assert len(text(one)) == len(text(other)) == 23
    assert (text(one) < text(other)) == (first < second) or abs(first - second) <= 1


@given(INSTANTS)
def test_what_is_stored_comes_back(instant: dt.datetime) -> None:
    """As aware UTC, cut to the millisecond on SQLite."""
    whole = instant.replace(microsecond=instant.microsecond // 1000 * 1000)
    column = UtcDateTime()

    for dialect, sent in ((SQLITE, whole), (POSTGRESQL, instant)):
        back = column.process_result_value(column.process_bind_param(sent, dialect), dialect)  # type: ignore[arg-type]
        assert back == sent
        assert back.tzinfo is dt.UTC


@pytest.mark.parametrize("dialect", [SQLITE, POSTGRESQL], ids=["sqlite", "postgresql"])
def test_no_zone_no_entry(dialect: Any) -> None:
    """A time without a zone is another instant on another machine."""
    with pytest.raises(ValueError, match="no time zone"):
        UtcDateTime().process_bind_param(dt.datetime(2026, 1, 1), dialect)  # noqa: DTZ001 -- on purpose
    assert UtcDateTime().process_bind_param(None, dialect) is None


def test_what_the_api_writes() -> None:
    """RFC 3339, milliseconds, Z; always of the same length."""
    east = dt.timezone(dt.timedelta(hours=5, minutes=30))

    assert isoformat(dt.datetime(2026, 1, 31, 12, tzinfo=dt.UTC)) == "2026-01-31T12:00:00.000Z"
    assert isoformat(dt.datetime(2026, 1, 31, 12, 0, 0, 999_999, tzinfo=east)) == "2026-01-31T06:30:00.999Z"
    assert isoformat(None) is None
