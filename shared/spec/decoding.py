"""From bytes to a plain JSON document."""

from __future__ import annotations

import json
from collections import Counter

from shared.errors import FieldError, InvalidSpec

_INTEGER_DIGITS = 400  # past every range of a spec, and short of the length from which Python refuses to convert


class MalformedJson(InvalidSpec):
    """The body is not JSON at all; the message says where it stops being so."""

    code = "malformed_json"


class GivenTwice(dict[str, object]):
    """An object one of whose keys was given twice; refused as soon as it is looked at."""

    key: str


def decode(body: bytes) -> object:
    """Reads JSON.

    `NaN` and `Infinity` pass here, and integers of any length, as the spec's own check can then name the field
    that holds them; so do objects with a key given twice, marked as such.

    Raises:
        MalformedJson: with line and column.
    """
    if not body.strip():
        raise _malformed("The body is empty. Send a JSON object.")
    try:
        return json.loads(body.decode("utf-8-sig"), object_pairs_hook=_collect, parse_int=_integer)
    except UnicodeDecodeError as error:
        raise _malformed(f"The body is not UTF-8: byte {error.start} cannot be read.") from error
    except json.JSONDecodeError as error:
        raise _malformed(f"The body is not JSON: {error.msg} (line {error.lineno}, column {error.colno}).") from error
    except RecursionError as error:
        raise _malformed("The body is nested too deeply.") from error


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
