"""Conditions on fields of jobs' specs and on results, such as `training.optimizer.lr>=0.01`, as they are written."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Literal, NoReturn

import orjson

from shared.documents.phrases import show, some_of
from shared.errors import FieldError, InvalidQuery
from shared.jobs.search.paths import Field, Scalar, field

Operator = Literal["=", "!=", "<", "<=", ">", ">="]
_CONDITION = re.compile(r"\s*([^=!<>]+?)\s*(!=|<=|>=|=|<|>)\s*(.*?)\s*", re.DOTALL)
_PERCENT = re.compile(r"([^%]+?)\s*%")
_FORM = "must be a field, one of = != < <= > >=, and a value, such as training.optimizer.lr>=0.01"


@dataclass(frozen=True)
class Condition:
    """A condition on a field of a job's spec, or on a figure of its result.

    A job without a value there, because the field is null or its network or optimizer has no such field, meets only
    ``= null``.

    Attributes:
        field: the field.
        operator: how its value must compare.
        value: a number for a field of numbers, else text; None, with ``=`` and ``!=`` alone, for null.
    """

    field: Field
    operator: Operator
    value: Scalar | None


def read_condition(text: str) -> Condition:
    """Read a condition: path, operator, and a value as a JSON scalar, else as plain text.

    Raises:
        InvalidQuery: it has another form, there is no such field, or the value does not fit the field's type.
    """
    match = _CONDITION.fullmatch(text)
    if match is None:
        _refuse(f"where {_FORM}; {show(text)} is not.")
    path, operator, written = match.groups()
    is_number = isinstance(value := _decoded(written), int | float) and not isinstance(value, bool)
    wanted = field(path.removeprefix("spec."), "where", "number" if is_number else "text")
    return Condition(wanted, operator, _fitting(wanted, operator, written))  # type: ignore[arg-type]


def _fitting(wanted: Field, operator: str, written: str) -> Scalar | None:
    value = _decoded(written)
    if value is None:
        if operator not in ("=", "!="):
            _refuse(f"{wanted.path} {operator} null: null can only be compared by = and !=.")
        return None
    if wanted.kind == "number":
        return _number(wanted, written)
    if operator not in ("=", "!="):
        _refuse(f"{wanted.path} {operator} {written[:60]}: only numbers are ordered; compare this field by = or !=.")
    if wanted.kind == "boolean" and not isinstance(value, bool):
        _refuse(f"{wanted.path} is true or false; {show(written)} is neither.")
    text = _text(value, written)
    if wanted.words and text not in wanted.words:
        _refuse(f"{wanted.path} is one of {some_of(wanted.words)}; {show(written)} is none.")
    return text


def _number(wanted: Field, written: str) -> float:
    """Return the number that is written; in percent, as accuracies are shown, `82 %` is 0.82."""
    percent = _PERCENT.fullmatch(written)
    value = _decoded(percent[1] if percent else written)
    if isinstance(value, bool) or not isinstance(value, int | float):
        _refuse(f"{wanted.path} is a number; {show(written)} is not.")
    return value / 100 if percent else float(value)


def _decoded(written: str) -> Any:
    try:
        return orjson.loads(written)
    except orjson.JSONDecodeError:
        return written


def _text(value: Any, written: str) -> str:
    """Return a value as text is stored: a list as its JSON, a boolean as `true` or `false`."""
    if isinstance(value, str):
        return value
    return orjson.dumps(value).decode() if isinstance(value, bool | list) else written


def _refuse(detail: str) -> NoReturn:
    raise InvalidQuery(detail, (FieldError("/where", detail),))
