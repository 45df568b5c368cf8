"""Decoding of JSON documents from bytes, with messages about what is not JSON."""

from __future__ import annotations

import json
import re
from collections import Counter

from shared.errors import FieldError, InvalidSpec

MAX_DEPTH = 16  # a job needs six
_INTEGER_DIGITS = 400  # beyond every range of a spec, and below the length that Python refuses to convert
_OTHER_ENCODINGS = {"utf-16": "UTF-16", "utf-32": "UTF-32"}
_BRACKETS = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}]', re.DOTALL)  # texts too, so that those within them are not counted


class MalformedJson(InvalidSpec):
    """The body is not JSON; the message has the line and column of the fault."""

    code = "malformed_json"


class GivenTwice(dict[str, object]):
    """A JSON object with a key that was given twice; `shared.documents.sieve` refuses it."""

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
    """Return the position of the first bracket that opens a level too many; None where none does."""
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
