"""A first check that refuses what no field can hold, cheaply and in bounded time for any document."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeAlias

from shared.documents.decoder import MAX_DEPTH, GivenTwice
from shared.documents.phrases import show
from shared.documents.pointers import Token, pointer
from shared.errors import FieldError
from shared.jobspec.caps import Caps

MAX_FIELDS = 64  # of one object; the largest part of a spec has eleven
MAX_ENTRIES = 100  # of a list that no cap limits
MAX_KEY_LENGTH = 100
MAX_VALUES = 5000  # beside the layers
VALUES_PER_LAYER = 10
MAX_PROBLEMS = 50

Path: TypeAlias = tuple[Token, ...]


def sift(document: object, caps: Caps) -> list[FieldError]:
    """List what makes a document unfit for any field or for the database, independent of its meaning.

    These are objects with a key given twice, lists and objects that are too long, nesting that is too deep, text that
    is not Unicode or contains a NUL (PostgreSQL stores neither), and values that JSON does not have.
    """
    problems: list[FieldError] = []
    waiting: list[tuple[Path, object]] = [((), document)]
    seen, most = 0, MAX_VALUES + VALUES_PER_LAYER * caps.max_layers
    while waiting and len(problems) < MAX_PROBLEMS:
        path, value = waiting.pop()
        seen += 1
        if seen > most:
            return [FieldError("", f"More than {most:,} values; no job needs that many.")]
        found = list(_problems(path, value, _longest(path, caps)))
        problems += found
        if not found:
            waiting += reversed([((*path, token), inner) for token, inner in _children(value)])
    return problems


def _longest(path: Path, caps: Caps) -> tuple[int, str]:
    """Return the most entries of a list at this place, and the setting that limits them in parentheses."""
    if path[:1] == ("architecture",) and path[-1] in {"layers", "shortcut", "hidden"}:
        return caps.max_layers, " (FLIGHTLINE_MAX_LAYERS)"
    return (caps.max_tags, " (FLIGHTLINE_MAX_TAGS)") if path == ("tags",) else (MAX_ENTRIES, "")


def _children(value: object) -> Iterator[tuple[Token, object]]:
    if isinstance(value, Mapping):
        yield from value.items()
    elif isinstance(value, list):
        yield from enumerate(value)


def _problems(path: Path, value: object, longest: tuple[int, str]) -> Iterator[FieldError]:
    here = pointer(path)
    if len(path) > MAX_DEPTH:
        yield FieldError(here, f"Nested more than {MAX_DEPTH} levels deep; no job needs that.")
    elif isinstance(value, Mapping):
        yield from _object_problems(path, value)
    elif isinstance(value, list):
        if len(value) > longest[0]:
            yield FieldError(here, f"{len(value):,} entries; at most {longest[0]:,} are allowed here{longest[1]}.")
    elif isinstance(value, str):
        yield from (FieldError(here, f"The text {problem}.") for problem in _text_problems(value))
    elif not (value is None or isinstance(value, bool | int | float)):
        yield FieldError(here, f"A {type(value).__name__} is not a JSON value.")


def _object_problems(path: Path, value: Mapping[object, object]) -> Iterator[FieldError]:
    here = pointer(path)
    if len(value) > MAX_FIELDS:
        yield FieldError(here, f"An object of {len(value):,} fields; no part of a job has that many.")
        return
    for key in value:
        if not isinstance(key, str):
            yield FieldError(here, f"The field name {show(key)} is not a text.")
        elif len(key) > MAX_KEY_LENGTH:
            yield FieldError(here, f"A field name of {len(key):,} characters; there is no such field.")
        else:
            yield from (FieldError(here, f"The field name {show(key)} {problem}.") for problem in _text_problems(key))
    if isinstance(value, GivenTwice) and len(value.key) <= MAX_KEY_LENGTH and not any(_text_problems(value.key)):
        yield FieldError(pointer((*path, value.key)), f"The field {show(value.key)} is given twice; keep one.")


def _text_problems(text: str) -> Iterator[str]:
    if "\0" in text:
        yield f"holds a NUL character at position {text.index(chr(0))}; take it out"
    try:
        text.encode()
    except UnicodeEncodeError as error:
        yield f"holds half of a surrogate pair at position {error.start}; send whole characters"
