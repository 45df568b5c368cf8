"""Text columns for text of any origin, cleaned of characters that databases refuse."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Dialect, Text
from sqlalchemy.types import TypeDecorator


def clean(text: str) -> str:
    """Replace NUL, which PostgreSQL refuses, and lone surrogates, which cannot be encoded, by U+FFFD.

    Both occur in names of files and in messages of libraries.
    """
    return text.replace("\x00", "\ufffd").encode("utf-8", "surrogatepass").decode("utf-8", "replace")


def clean_all(value: Any) -> Any:
    """Return a JSON value with all keys and strings cleaned."""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, dict):
        return {clean_all(key): clean_all(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [clean_all(item) for item in value]
    return value


class CleanText(TypeDecorator[str]):
    """A text column of any length whose values are cleaned when written."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002 -- SQLAlchemy's
        """Clean a value before it is written; a StrEnum becomes its value."""
        return None if value is None else clean(value)
