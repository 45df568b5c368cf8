"""Answers as CSV, for those who ask for `text/csv`: the same rows, with dotted paths as the columns' names."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import orjson
from flask import Request, Response

CSV = "text/csv"


def wants_csv(request: Request) -> bool:
    """Whether the request prefers CSV to JSON."""
    return request.accept_mimetypes.best_match(["application/json", CSV]) == CSV


def as_csv(rows: Iterable[Mapping[str, Any]], columns: Sequence[str] = ()) -> Response:
    """Return rows as CSV, with at least these columns, in this order.

    Objects become one column for each of their fields, such as `result.val_accuracy`; lists are written as JSON, and
    null as nothing.
    """
    flat = [dict(_flat(row)) for row in rows]
    found = list(dict.fromkeys((*columns, *(name for row in flat for name in row))))
    names = [name for name in found if not any(other.startswith(f"{name}.") for other in found)]
    text = io.StringIO()
    writer = csv.DictWriter(text, names, restval="", extrasaction="ignore", lineterminator="\r\n")
    writer.writeheader()
    writer.writerows(flat)
    response = Response(text.getvalue(), mimetype=CSV)
    response.headers["Vary"] = "Accept"
    return response


def _flat(row: Mapping[str, Any], above: str = "") -> Iterable[tuple[str, Any]]:
    for name, value in row.items():
        if isinstance(value, dict) and value:
            yield from _flat(value, f"{above}{name}.")
        else:
            yield f"{above}{name}", _cell(value)


def _cell(value: object) -> object:
    if isinstance(value, bool):
        return "true" if value else "false"
    return orjson.dumps(value).decode() if isinstance(value, list | dict) else value
