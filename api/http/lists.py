"""A page of a list, put together of its items' JSON as it lies, or answered as CSV."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlencode

import orjson
from flask import Response, request

from api.http.operations import Reply
from api.http.requests.fields import chosen
from api.http.tables import as_csv, wants_csv


def list_page(items: Sequence[bytes], paths: list[str], next_cursor: str | None) -> Reply | Response:
    """Answer a page of items, given as JSON: as it lies, or only the fields at `paths`, as JSON or CSV."""
    if wants_csv(request):
        rows = [orjson.loads(item) for item in items]
        response = as_csv([chosen(row, paths) for row in rows] if paths else rows, paths)
        if next_cursor is not None:
            response.headers["Link"] = f'<{_next(next_cursor)}>; rel="next"'
        response.headers["Cache-Control"] = "no-store"
        return response
    if paths:
        items = [orjson.dumps(chosen(orjson.loads(item), paths)) for item in items]
    body = b'{"items":[%b],"next_cursor":%b}' % (b",".join(items), orjson.dumps(next_cursor))
    return Reply(body, headers={"Vary": "Accept"})


def _next(cursor: str) -> str:
    """Return the address of the next page, relative to this one's."""
    asked = [(name, value) for name, value in request.args.items(multi=True) if name != "cursor"]
    return "?" + urlencode([*asked, ("cursor", cursor)])
