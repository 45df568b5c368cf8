"""The fields of a job's spec by dotted path, such as `training.optimizer.lr`, and their values in a stored spec."""

from __future__ import annotations

import types
import zlib
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union, get_args, get_origin

import orjson
from pydantic import BaseModel

from shared.documents.phrases import did_you_mean, listed, nearest, some_of
from shared.errors import FieldError, InvalidQuery
from shared.jobspec.fields.evaluation import EvaluationSpec
from shared.jobspec.fields.job import JobSpec

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

Scalar = str | float
Kind = Literal["number", "text", "boolean"]
NOT_SEARCHED = ("name", "tags")
"""Fields that lists have filters of their own for, and that change after the submission."""
FILTERED = {name: name for name in ("status", "owner", "name", "tag", "kind", "device", "preset", "text")} | {
    "tags": "tag",
}
"""What is often taken for a field of a spec, and the filter of lists that finds it."""
RESULTS = ("val_accuracy", "best_val_accuracy", "val_loss")
"""Figures of a job's result that conditions may be about, by the names that orders have for them."""

IMPORTED = ("params.", "metrics.", "run.")
"""What the paths of an imported run's fields begin with; each run has fields of its own."""


@dataclass(frozen=True)
class Field:
    """A searchable field: its dotted path, the type of its values, and which there are where it is one of some words.

    A list counts as the text of its JSON, such as ``[512,256]``.
    """

    path: str
    kind: Kind
    words: tuple[str, ...] = ()

    @property
    def key(self) -> int:
        """Return the number that the database knows the path by."""
        return key_of(self.path)


@cache
def key_of(path: str) -> int:
    """Return the number, of 32 bits with a sign, that stands for a path in the database."""
    return zlib.crc32(path.encode()) - 2**31


@cache
def fields() -> Mapping[str, Field]:
    """Return every searchable field by its path, in the order of the spec."""
    found: dict[str, Field] = {}
    for spec in (JobSpec, EvaluationSpec):
        for path, annotation in _leaves(spec):
            one = Field(path, _kind(annotation), _words(annotation))
            known = found.setdefault(path, one)
            if known is not one:  # as `kind`, which each kind of optimizer has
                both = (*known.words, *one.words) if known.words and one.words else ()
                found[path] = replace(known, words=tuple(dict.fromkeys(both)))
    return found


@cache
def declared() -> Sequence[str]:
    """Return the path of every field that a spec of some kind has, those that have fields of their own included."""
    found = (path for spec in (JobSpec, EvaluationSpec) for path in _every(spec))
    return (*dict.fromkeys(found), *(one.removesuffix(".") for one in IMPORTED))


def _every(model: type[BaseModel], above: str = "") -> Iterator[str]:
    for name, declared in model.model_fields.items():
        yield f"{above}{name}"
        for part in _parts(declared.annotation):
            yield from _every(part, f"{above}{name}.")


def field(path: str, parameter: str, kind: Kind = "number") -> Field:
    """Return the field at a path. Raises InvalidQuery that names similar fields, or those below the path.

    A field of imported runs may hold numbers and texts; it is that of the values of this `kind`. A condition (`where`)
    may be about one of `RESULTS` as well.
    """
    results = RESULTS if parameter == "where" else ()
    if (result := path.removeprefix("result.")) in results:
        return Field(result, "number")
    found = fields().get(path)
    if found is not None:
        return found
    if path.startswith(IMPORTED) and path not in IMPORTED:
        return Field(path, kind)
    below = [known.removeprefix(f"{path}.") for known in fields() if known.startswith(f"{path}.")]
    if below:
        detail = f"{path} has fields of its own: {some_of(below)}. Name one of them, such as {path}.{below[0]}."
    else:
        known = (
            _filter_for(path, parameter)
            or _whole(path)
            or did_you_mean(path, [*fields(), *results])
            or f" The nearest are {some_of(nearest(path, fields()))}."
        )
        detail = f"No job's spec has a field {path[:100]!r} that can be searched.{known}"
    raise InvalidQuery(detail, (FieldError(f"/{parameter}", detail),))


def _whole(name: str) -> str:
    found = [known for known in fields() if known.endswith(f".{name}")]
    return f" Write the whole path: {listed(found)}." if found else ""


def _filter_for(path: str, parameter: str) -> str:
    own = FILTERED.get(path) if parameter == "where" else None
    return f" Lists have a filter of their own for it: {own}." if own else ""


def values(document: Mapping[str, Any]) -> Iterator[tuple[str, Scalar]]:
    """Yield path and value of each searchable field of a stored spec that is not null, with defaults of later fields.

    Booleans are the texts ``true`` and ``false``.
    """
    if "run" in document:
        yield from _imported(document)
        return
    spec, searched = EvaluationSpec if "job" in document else JobSpec, fields()
    for path, value in _values(spec, document, ""):
        if path in searched:
            yield path, value


def _imported(document: Mapping[str, Any]) -> Iterator[tuple[str, Scalar]]:
    """Yield the values of an imported run; of two paths with the same number in the database only the first."""
    found: dict[int, tuple[str, Scalar]] = {}
    for path, value in _plain(document, ""):
        found.setdefault(key_of(path), (path, value))
    yield from found.values()


def _plain(document: Mapping[str, Any], above: str) -> Iterator[tuple[str, Scalar]]:
    for name, value in document.items():
        if isinstance(value, dict):
            yield from _plain(value, f"{above}{name}.")
        elif (scalar := _scalar(value)) is not None:
            yield f"{above}{name}", scalar


def _values(model: type[BaseModel], document: Mapping[str, Any], above: str) -> Iterator[tuple[str, Scalar]]:
    for name, default, members in _declared(model):
        value = document.get(name, default)
        path = f"{above}{name}"
        if isinstance(value, dict):
            part = _member(members, value)
            if part is not None:
                yield from _values(part, value, f"{path}.")
        elif (scalar := _scalar(value)) is not None:
            yield path, scalar


_Members = tuple[tuple[type[BaseModel], frozenset[str] | None], ...]


@cache
def _declared(model: type[BaseModel]) -> tuple[tuple[str, Any, _Members], ...]:
    """Return each field of a part of a spec: name, default, and the classes of parts that it may hold."""
    return tuple(
        (name, declared.default, tuple((part, _kinds(part)) for part in _parts(declared.annotation)))
        for name, declared in model.model_fields.items()
    )


def _kinds(part: type[BaseModel]) -> frozenset[str] | None:
    """Return the values of `kind` that a class of parts has; None for a class without such a field."""
    kind = part.model_fields.get("kind")
    return None if kind is None else frozenset(get_args(kind.annotation))


def _scalar(value: object) -> Scalar | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        return None if any(isinstance(one, dict | BaseModel) for one in value) else orjson.dumps(value).decode()
    return value if isinstance(value, str) else float(value) if isinstance(value, int | float) else None


def _member(members: _Members, value: Mapping[str, Any]) -> type[BaseModel] | None:
    """Return the class that a part of a spec is of: of several the one with its `kind`."""
    return next((part for part, kinds in members if kinds is None or value.get("kind") in kinds), None)


def _parts(annotation: Any) -> Iterator[type[BaseModel]]:
    """Yield the classes of parts that an annotation allows, those within lists excluded."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    elif get_origin(annotation) in (Union, types.UnionType):
        for one in get_args(annotation):
            yield from _parts(one)
    elif get_origin(annotation) is Annotated:
        yield from _parts(get_args(annotation)[0])


def _leaves(model: type[BaseModel], above: str = "") -> Iterator[tuple[str, Any]]:
    for name, declared in model.model_fields.items():
        path = f"{above}{name}"
        parts = list(_parts(declared.annotation))
        for part in parts:
            yield from _leaves(part, f"{path}.")
        if not parts and path not in NOT_SEARCHED and not _lists_parts(declared.annotation):
            yield path, declared.annotation


def _lists_parts(annotation: Any) -> bool:
    inner = [one for one in get_args(annotation) if one is not Ellipsis]
    if get_origin(annotation) is tuple:
        return any(list(_parts(one)) for one in inner)
    return any(_lists_parts(one) for one in inner)


def _kind(annotation: Any) -> Kind:
    """Return the type of a field's values; that of a choice of words is text."""
    if annotation is bool:
        return "boolean"
    if annotation in (int, float):
        return "number"
    if get_origin(annotation) is Literal:
        return "number" if isinstance(get_args(annotation)[0], int) else "text"
    if get_origin(annotation) in (Union, types.UnionType, Annotated):
        return _kind(next(one for one in get_args(annotation) if one is not type(None)))
    return "text"


def _words(annotation: Any) -> tuple[str, ...]:
    """Return the words of which a field's value is one; none where it may be another text."""
    if get_origin(annotation) is Literal:
        return tuple(word for word in get_args(annotation) if isinstance(word, str))
    if get_origin(annotation) in (Union, types.UnionType, Annotated):
        inner = [one for one in get_args(annotation) if one is not type(None)]
        inner = inner[:1] if get_origin(annotation) is Annotated else inner
        found = [_words(one) for one in inner]
        return tuple(word for words in found for word in words) if all(found) else ()
    return ()
