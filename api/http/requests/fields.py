"""`fields=`: which parts of an answer are wanted, by their dotted paths."""

from __future__ import annotations

from typing import Annotated, Any

import orjson
from pydantic import AfterValidator, Field

from shared import wire
from shared.documents.phrases import did_you_mean
from shared.jobs.search.answers import unknown
from shared.wire.answer import Answer, names


def _checked(text: str) -> str:
    for path in text.split(","):
        if wrong := unknown(path):
            raise ValueError(f"must be fields of a job, such as id,result.val_accuracy. {wrong}")
    return text


def _checked_curves(text: str) -> str:
    known = names(wire.Curves)
    for name in text.split(","):
        if name not in known:
            hint = did_you_mean(name, known)
            raise ValueError(f"must be curves, such as val_accuracy,seconds; {name[:80]!r} is none.{hint}")
    return text


Fields = Annotated[
    str, AfterValidator(_checked), Field(max_length=2000, json_schema_extra={"pattern": r"^[a-z0-9_.,]+$"})
]


Curves = Annotated[
    str, AfterValidator(_checked_curves), Field(max_length=200, json_schema_extra={"pattern": r"^[a-z_,]+$"})
]


def document_of(answer: Answer) -> dict[str, Any]:
    """Return an answer as its JSON, in plain values."""
    document: dict[str, Any] = orjson.loads(orjson.dumps(answer, default=vars))
    return document


def chosen(document: dict[str, Any], paths: list[str]) -> dict[str, Any]:
    """Return the parts of a document at these dotted paths, in their order; a path that leads nowhere is left out."""
    found: dict[str, Any] = {}
    for path in paths:
        _take(document, path.split("."), found)
    return found


def _take(document: Any, parts: list[str], into: dict[str, Any]) -> None:
    name, rest = parts[0], parts[1:]
    if not isinstance(document, dict) or name not in document:
        return
    if not rest:
        into[name] = document[name]
    elif document[name] is None:
        into.setdefault(name, None)
    elif isinstance(below := into.get(name) or {}, dict):
        _take(document[name], rest, below)
        if below:
            into[name] = below
