"""What all tables share: their base class, and the keys and options of several of them."""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import (
    JSON,
    Boolean,
    Float,
    ForeignKey,
    Integer,
    String,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from shared.database.clock import UtcDateTime
from shared.database.text import CleanText

WITHOUT_ROWID = {"sqlite_with_rowid": False}


class Base(DeclarativeBase):
    """Base of all tables; migrations are compared with its metadata."""

    type_annotation_map = {  # noqa: RUF012 -- SQLAlchemy's own declaration, read once
        str: CleanText(),
        int: Integer(),
        float: Float(53),
        bool: Boolean(),
        dt.datetime: UtcDateTime(),
        dict[str, Any]: JSON(),
        list[Any]: JSON(),
    }


def where(condition: str) -> dict[str, Any]:
    """Return the options of an index over the rows of a condition alone."""
    return {"sqlite_where": text(condition), "postgresql_where": text(condition)}


def job_key() -> Mapped[str]:
    """Return a key column that names a job, and whose row goes with the job's."""
    return mapped_column(String(36), ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)
