"""JSON pointers (RFC 6901): writing one, and following a path into a document."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

Token = str | int


def pointer(tokens: Iterable[Token]) -> str:
    """Write a path as a JSON pointer; the empty path is the whole document."""
    return "".join("/" + str(token).replace("~", "~0").replace("/", "~1") for token in tokens)


def walk_in(document: object, path: Iterable[Token]) -> tuple[list[Token], object]:
    """Follow `path` into `document` as far as it exists; return that part of the path and the value there."""
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
