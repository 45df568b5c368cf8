"""Cursors of keyset pages: the last row's sort value and number, opaque to clients and bound to their sort order."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Annotated, Any, NoReturn

import orjson
from pydantic import AfterValidator, Field, StringConstraints, TypeAdapter, ValidationError

from api.http.requests.parsing import Instant
from shared.documents.phrases import did_you_mean, listed, summary
from shared.errors import FieldError, InvalidQuery
from shared.jobs.reads.orders import SORTS, SPEC, Key
from shared.jobs.search.paths import field

_SORT = rf"-?({'|'.join(SORTS)}|spec\.[A-Za-z0-9_.-]{{1,200}})"


def _sort(value: str) -> str:
    if not re.fullmatch(_SORT, value, re.ASCII):
        words = [sign + name for name in SORTS for sign in ("", "-")]
        message = f"must be {listed(words)}, or a field of the spec such as spec.training.optimizer.lr"
        raise ValueError(message + did_you_mean(value, words))
    return value


Sort = Annotated[str, AfterValidator(_sort), Field(json_schema_extra={"pattern": f"^{_SORT}$"})]
_CURSOR = re.compile(r"[A-Za-z0-9_-]{1,500}", re.ASCII)


def _cursor(value: str) -> str:
    if not _CURSOR.fullmatch(value):
        raise ValueError("must be the next_cursor of a page")
    return value


Cursor = Annotated[
    str, AfterValidator(_cursor), Field(json_schema_extra={"pattern": "^[A-Za-z0-9_-]+$", "maxLength": 500})
]

_Accuracy = Annotated[float, Field(ge=0, le=1)]
_Finite = Annotated[float, Field(allow_inf_nan=False)]
_Text = Annotated[str, StringConstraints(max_length=500, pattern=r"^[^\x00]*$")]
_Number = Annotated[int, Field(ge=-(2**63), lt=2**63)]
_KEYS: dict[str, TypeAdapter[tuple[str, Any, int]]] = {
    "created_at": TypeAdapter(tuple[str, None, _Number]),
    "finished_at": TypeAdapter(tuple[str, Instant | None, _Number]),
    "val_accuracy": TypeAdapter(tuple[str, _Accuracy | None, _Number]),
    "best_val_accuracy": TypeAdapter(tuple[str, _Accuracy | None, _Number]),
    "val_loss": TypeAdapter(tuple[str, _Finite | None, _Number]),
    "number": TypeAdapter(tuple[str, _Finite | None, _Number]),
    "text": TypeAdapter(tuple[str, _Text | None, _Number]),
}


def encode_cursor(sort: Sort, key: Key | None) -> str | None:
    """Return the cursor of the page after `key`; None where no page follows."""
    if key is None:
        return None
    return base64.urlsafe_b64encode(orjson.dumps([sort, *key])).rstrip(b"=").decode()


def decode_cursor(sort: Sort, cursor: str | None) -> Key | None:
    """Return the key that `encode_cursor` encoded. Raises InvalidQuery unless it was encoded for the same `sort`."""
    if cursor is None:
        return None
    try:
        encoded = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        made_for, value, number = _adapter(sort).validate_json(encoded)
    except (binascii.Error, ValidationError, ValueError):
        _refuse("is not one that this server issued for this sort; start over without a cursor")
    if made_for != sort:
        _refuse(f"belongs to sort={made_for}; start over without a cursor, or use that sort")
    return value, number


def _adapter(sort: str) -> TypeAdapter[tuple[str, Any, int]]:
    name = sort.removeprefix("-")
    return _KEYS[field(name.removeprefix(SPEC), "sort").kind if name.startswith(SPEC) else name]


def _refuse(detail: str) -> NoReturn:
    problem = FieldError("/cursor", f"The cursor {detail}.")
    raise InvalidQuery(summary([problem]), (problem,))
