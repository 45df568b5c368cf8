"""Cursors of keyset pages: the last row's sort value and id, opaque to clients and bound to their sort order."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Annotated, Literal, NoReturn

import orjson
from pydantic import AfterValidator, Field, StringConstraints, TypeAdapter, ValidationError

from api.http.requests.parsing import Instant
from shared.documents.phrases import summary
from shared.errors import FieldError, InvalidQuery
from shared.jobs.reads.listing import Key

Sort = Literal[
    "created_at",
    "-created_at",
    "finished_at",
    "-finished_at",
    "val_accuracy",
    "-val_accuracy",
    "best_val_accuracy",
    "-best_val_accuracy",
]
_CURSOR = re.compile(r"[A-Za-z0-9_-]{1,500}", re.ASCII)


def _cursor(value: str) -> str:
    if not _CURSOR.fullmatch(value):
        raise ValueError("must be the next_cursor of a page")
    return value


Cursor = Annotated[
    str, AfterValidator(_cursor), Field(json_schema_extra={"pattern": "^[A-Za-z0-9_-]+$", "maxLength": 500})
]

_JobId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f-]{36}$")]
_Instant = TypeAdapter(tuple[Sort, Instant | None, _JobId])
_Accuracy = TypeAdapter(tuple[Sort, Annotated[float, Field(ge=0, le=1)] | None, _JobId])


def encode_cursor(sort: Sort, key: Key | None) -> str | None:
    """Return the cursor of the page after `key`; None where no page follows."""
    if key is None:
        return None
    return base64.urlsafe_b64encode(orjson.dumps([sort, *key])).rstrip(b"=").decode()


def decode_cursor(sort: Sort, cursor: str | None) -> Key | None:
    """Return the key that `encode_cursor` encoded. Raises InvalidQuery unless it was encoded for the same `sort`."""
    if cursor is None:
        return None
    adapter = _Accuracy if sort.endswith("accuracy") else _Instant
    try:
        encoded = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        made_for, value, job_id = adapter.validate_json(encoded)
    except (binascii.Error, ValidationError, ValueError):
        _refuse("is not one that this server issued for this sort; start over without a cursor")
    if made_for != sort:
        _refuse(f"belongs to sort={made_for}; start over without a cursor, or use that sort")
    return value, job_id


def _refuse(detail: str) -> NoReturn:
    problem = FieldError("/cursor", f"The cursor {detail}.")
    raise InvalidQuery(summary([problem]), (problem,))
