"""`fields=`: which parts of an answer are wanted, by their dotted paths."""

from __future__ import annotations

from typing import Annotated, Any, get_args, get_origin, get_type_hints

import orjson
from pydantic import AfterValidator, Field

from shared import wire
from shared.documents.phrases import did_you_mean
from shared.wire.answer import Answer, names

_FREE = ("spec",)
"""Fields whose parts are not listed here: a spec has other ones for each network and optimizer."""


def _known() -> tuple[str, ...]:
    hints = get_type_hints(wire.Job)
    inner = [f"{name}.{one}" for name in names(wire.Job) for kind in _answers(hints[name]) for one in names(kind)]
    return (*names(wire.Job), *inner)


def _answers(hint: Any) -> list[type[Answer]]:
    kinds = [hint] if get_origin(hint) is None else get_args(hint)
    return [one for one in kinds if isinstance(one, type) and issubclass(one, Answer)]


_KNOWN = _known()


def _checked(text: str) -> str:
    for path in text.split(","):
        if path not in _KNOWN and not path.startswith(tuple(f"{one}." for one in _FREE)):
            hint = did_you_mean(path, _KNOWN)
            raise ValueError(f"must be fields of a job, such as id,result.val_accuracy; {path[:80]!r} is none.{hint}")
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
        into[name] = below
        _take(document[name], rest, below)
