"""JSON pointers (RFC 6901), and short words for values in messages."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Mapping, Sequence

Token = str | int


def pointer(tokens: Iterable[Token]) -> str:
    """Writes a path as a JSON pointer; the empty path is the whole document."""
    return "".join("/" + str(token).replace("~", "~0").replace("/", "~1") for token in tokens)


def walk_in(document: object, path: Iterable[Token]) -> tuple[list[Token], object]:
    """Follows `path` into `document` as far as it leads; returns that part of the path and the value there."""
    found: list[Token] = []
    for token in path:
        if not _has(document, token):
            break
        document = document[token]  # type: ignore[index]
        found.append(token)
    return found, document


def _has(document: object, token: Token) -> bool:
    if isinstance(document, Mapping):
        return token in document
    return isinstance(document, list) and isinstance(token, int) and token < len(document)


def show(value: object) -> str:
    """A value in a few characters of ASCII, however large or odd it is."""
    if isinstance(value, Mapping):
        return "an object"
    if isinstance(value, list | tuple):
        return "an array"
    if isinstance(value, str):
        return json.dumps(value if len(value) <= 60 else value[:57] + "…")
    if isinstance(value, int) and abs(value) >= 10**30:
        return "a number of more than 30 digits"
    if isinstance(value, int) and abs(value) >= 10_000:
        return f"{value:,}"
    return json.dumps(value) if value is None or isinstance(value, bool | int | float) else type(value).__name__


def listed(names: Sequence[str]) -> str:
    """A few names as `a, b or c`."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"


def closest(name: str, names: Iterable[str]) -> str | None:
    """The one of `names` that `name` was most likely meant to be."""
    known = {known.lower(): known for known in names}
    match = difflib.get_close_matches(name[:100].lower(), known, n=1, cutoff=0.6)
    return known[match[0]] if match else None
