"""Decoding of JSON documents from bytes, and a first check that refuses what no field can hold.

Both are cheap, and take bounded time for any document.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, TypeAlias

from shared.documents.phrases import show
from shared.documents.pointers import Token, pointer
from shared.errors import FieldError, InvalidSpec

if TYPE_CHECKING:
    from shared.jobspec.caps import Caps

MAX_DEPTH = 16  # a job needs six
MAX_FIELDS = 64  # of one object; the largest part of a spec has eleven
MAX_ENTRIES = 100  # of a list that no cap limits
MAX_CLASSES = 1000  # of a job
MAX_KEY_LENGTH = 100
MAX_VALUES = 5000  # beside the layers
VALUES_PER_LAYER = 10
MAX_PROBLEMS = 50
_INTEGER_DIGITS = 400  # beyond every range of a spec, and below the length that Python refuses to convert
_OTHER_ENCODINGS = {"utf-16": "UTF-16", "utf-32": "UTF-32"}
_BRACKETS = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}]', re.DOTALL)  # texts too, so that those within them are not counted

Path: TypeAlias = tuple[Token, ...]


class MalformedJson(InvalidSpec):
    """The body is not JSON; the message has the line and column of the fault."""

    code = "malformed_json"


class GivenTwice(dict[str, object]):
    """A JSON object with a key that was given twice; `sift` refuses it."""

    key: str


def decode(body: bytes, what: str = "The body") -> object:
    """Decode JSON; messages call the document `what`.

    `NaN`, `Infinity` and integers of any length are accepted here, so that later checks can name their field; objects
    with a key given twice are returned as `GivenTwice`.

    Raises:
        MalformedJson: with line and column.
    """
    text = _text(body, what)
    if not text.strip():
        raise _malformed(f"{what} is empty. Send a JSON object.")
    try:
        return json.loads(text, object_pairs_hook=_collect, parse_int=_integer)
    except json.JSONDecodeError as error:
        raise _malformed(f"{what} is not JSON: {error.msg} ({_place(text, error.pos)}).") from error
    except RecursionError as error:
        where = _place(text, _depth_exceeded(text))
        raise _malformed(f"{what} is nested too deeply: more than {MAX_DEPTH} levels ({where}).") from error


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


def _text(body: bytes, what: str) -> str:
    if other := _other_encoding(body):
        raise _malformed(
            f"{what} seems to be {other}, and JSON is sent as UTF-8: save it as UTF-8 "
            f"(`iconv -f {other} -t UTF-8` converts it)."
        )
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = body.count(b"\n", 0, error.start) + 1
        raise _malformed(
            f"{what} is not UTF-8: byte {error.start} (in line {line}) cannot be read. Save it as UTF-8."
        ) from error


def _other_encoding(body: bytes) -> str | None:
    """Return UTF-16 or UTF-32 where the body begins like it and can be decoded as it; None otherwise.

    Some editors and shells save text so. As JSON begins with ASCII, its zero bytes reveal the encoding without a mark.
    """
    encoding = json.detect_encoding(body)
    name = _OTHER_ENCODINGS.get(encoding[:6])
    try:
        # A byte-order mark alone, or zero bytes only, are not a text in that encoding either.
        return name if name and body.decode(encoding).strip() else None
    except UnicodeDecodeError:
        return None


def _place(text: str, position: int) -> str:
    line_start = text.rfind("\n", 0, position) + 1
    return f"line {text.count(chr(10), 0, position) + 1}, column {position - line_start + 1}"


def _depth_exceeded(text: str) -> int:
    """Return the position of the first bracket that opens a level too many; 0 where none does."""
    depth = 0
    for bracket in _BRACKETS.finditer(text):
        depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(bracket[0], 0)
        if depth > MAX_DEPTH:
            return bracket.start()
    return 0


def _malformed(detail: str) -> MalformedJson:
    return MalformedJson(detail, (FieldError("", detail),))


def _integer(digits: str) -> int:
    return int(digits[:_INTEGER_DIGITS])


def _collect(pairs: list[tuple[str, object]]) -> dict[str, object]:
    document = dict(pairs)
    if len(document) == len(pairs):
        return document
    marked = GivenTwice(document)
    marked.key = next(key for key, times in Counter(key for key, _ in pairs).items() if times > 1)
    return marked


def _longest(path: Path, caps: Caps) -> tuple[int, str]:
    """Return the most entries of a list at this place, and the setting that limits them in parentheses."""
    if path[:1] == ("architecture",) and path[-1] in {"layers", "shortcut", "hidden"}:
        return caps.max_layers, " (FLIGHTLINE_MAX_LAYERS)"
    if path == ("dataset", "classes") or path[:1] == ("space",):  # the values of a sweep
        return MAX_CLASSES, ""
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
