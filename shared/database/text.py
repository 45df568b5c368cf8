"""Text that every database stores: a message from elsewhere may hold what they refuse."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Dialect, Text
from sqlalchemy.types import TypeDecorator


def clean(text: str) -> str:
    """`text` without NUL, which PostgreSQL refuses, and without lone surrogates, which are in no encoding.

    Both come in by names of files and by what libraries say; each is replaced by U+FFFD.
    """
    return text.replace("\x00", "\ufffd").encode("utf-8", "surrogatepass").decode("utf-8", "replace")


def clean_all(value: Any) -> Any:
    """A JSON value with all its text cleaned."""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, dict):
        return {clean_all(key): clean_all(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [clean_all(item) for item in value]
    return value


class CleanText(TypeDecorator[str]):
    """Text of any length, cleaned on its way in."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002 -- SQLAlchemy's
        """Clean it; a StrEnum becomes its value."""
        return None if value is None else clean(value)
