"""Reads a stored spec, in which every default is written out, as a plan.

The plan's classes define how: their fields are the document's, of a union the class with the document's `kind` is
taken, and a `Literal` takes its own values alone. So anything that this worker does not know, as a later release may
have written it, is refused wherever it stands, and a new kind is read as soon as its class is in its union.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from functools import cache
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from worker.training.errors import InvalidPlan
from worker.training.plan.training import TrainingPlan


def plan_from_spec(document: Mapping[str, Any]) -> TrainingPlan:
    """The plan of a stored spec. Raises `InvalidPlan` for anything that this code does not know."""
    try:
        parts = {name: document[name] for name in ("dataset", "architecture")}
        training = {
            name: value for name, value in document["training"].items() if name != "loss"
        }  # the network's output implies the loss
        threads = document.get("resources", {}).get("threads", 1)
        plan: TrainingPlan = _read(TrainingPlan, {**training, **parts, "threads": threads}, "")
    except (KeyError, TypeError) as error:
        raise InvalidPlan(f"This spec cannot be read by this version of the worker: {error!r}.") from error
    return plan


def _read(kind: Any, value: Any, at: str) -> Any:
    """The value of the field `at` as its type `kind` wants it: an instance, a tuple, a known literal, or as it is."""
    if dataclasses.is_dataclass(kind):
        return _made((kind,), value, at)
    arguments = get_args(kind)
    if get_origin(kind) in {Union, UnionType}:
        classes = tuple(part for part in arguments if dataclasses.is_dataclass(part))
        return _made(classes, value, at) if classes and value is not None else value
    if get_origin(kind) is tuple:
        return tuple(_read(arguments[0], each, at) for each in value)
    if get_origin(kind) is Literal and value not in arguments:
        raise _unknown(value, at, arguments)
    return value


def _made(classes: tuple[Any, ...], value: Mapping[str, Any], at: str) -> Any:
    """An instance of the class that has the document's kind, or of the only class, which may have no kind."""
    by_kind = {kind: part for part in classes for kind in _kinds(part)}
    if by_kind and value["kind"] not in by_kind:
        raise _unknown(value["kind"], at, by_kind)
    made = by_kind[value["kind"]] if by_kind else classes[0]
    names = [field.name for field in dataclasses.fields(made)]
    given = {name: each for name, each in value.items() if name in names or name != "kind"}
    for name in given.keys() - set(names):
        raise _unknown(name, f"{at}.{name}".removeprefix("."), names)
    hints = _hints(made)
    return made(**{name: _read(hints[name], each, f"{at}.{name}".removeprefix(".")) for name, each in given.items()})


def _kinds(part: Any) -> tuple[str, ...]:
    """The kinds that a class stands for: none, one, or all that its field can have."""
    kind = _hints(part).get("kind")
    if kind is None:
        return ()
    return get_args(kind) if get_origin(kind) is Literal else (part.kind,)


@cache
def _hints(part: Any) -> dict[str, Any]:
    return get_type_hints(part)


def _unknown(value: object, at: str, known: Iterable[object]) -> InvalidPlan:
    return InvalidPlan(
        f"This worker does not know {value!r}, which the job asks for in {at}; it knows {', '.join(map(str, known))}. "
        "A worker of the release that took the job does."
    )
