"""Where pydantic's error locations lie in the document, and what the spec says about those places."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from shared.documents.phrases import plain
from shared.documents.pointers import Token
from shared.jobspec.fields.job import JobSpec


@dataclass(frozen=True)
class Place:
    """A place in a job's document.

    Attributes:
        path: the way there; without the union tags that pydantic puts into its locations.
        fields: names of the fields of the object that the place is in.
        kinds: of the object at the place, where it may be one of several.
        rivals: where the object that the place is in may be one of several kinds, each kind and its fields.
        bounds: smallest and largest value, as words, where it is a number with a range.
        root: what the document as a whole is.
    """

    path: tuple[Token, ...]
    fields: tuple[str, ...]
    kinds: tuple[str, ...]
    bounds: str | None
    rivals: Mapping[str, tuple[str, ...]]
    root: type[BaseModel] = JobSpec


def place(location: Sequence[Token], root: type[BaseModel] = JobSpec) -> Place:
    """Reads a location of pydantic's, against the types of `root`."""
    annotation: Any = root
    path: list[Token] = []
    fields: tuple[str, ...] = ()
    rivals: dict[str, tuple[str, ...]] = {}
    chosen: dict[str, tuple[str, ...]] = {}
    for token in location:
        members = _members(annotation)
        if len(members) > 1:
            chosen = {kind: tuple(member.model_fields) for kind, member in members}
            annotation = next((member for kind, member in members if kind == token), None)
            continue
        model = _model(annotation)
        if model:
            rivals, chosen = chosen, {}
            fields = tuple(model.model_fields)
        annotation = _inner(annotation, token)
        path.append(token)
    kinds = tuple(kind for kind, _ in _members(annotation))
    if root is JobSpec and len(path) == 1:
        fields = ("preset", *fields)  # which is written out before the rest is checked
    return Place(tuple(path), fields, kinds, _bounds(annotation), rivals, root)


@cache
def homes() -> dict[str, str]:
    """Field names that stand in one place only, and that place: what was put elsewhere is asked to move there."""
    found: dict[str, set[str]] = {"preset": {"/preset"}}
    for name, where in _names(JobSpec, ""):
        found.setdefault(name, set()).add(where)
    return {name: where.pop() for name, where in found.items() if len(where) == 1}


def _names(model: type[BaseModel], where: str) -> Iterator[tuple[str, str]]:
    for name, field in model.model_fields.items():
        yield name, f"{where}/{name}"
        inner = _model(_field(field))
        for part in [inner] if inner else [member for _, member in _members(_field(field))]:
            yield from _names(part, f"{where}/{name}")


def _field(field: FieldInfo) -> Any:
    return Annotated[(field.annotation, *(field.metadata or [None]))]


def _bare(annotation: Any) -> Any:
    while get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    if get_origin(annotation) in {Union, UnionType}:
        present = [member for member in get_args(annotation) if member is not type(None)]
        if len(present) == 1:
            return _bare(present[0])
    return annotation


def _model(annotation: Any) -> type[BaseModel] | None:
    bare = _bare(annotation)
    return bare if isinstance(bare, type) and issubclass(bare, BaseModel) else None


def _members(annotation: Any) -> list[tuple[str, Any]]:
    """Kinds and models of a union that is told apart by `kind`; empty for anything else."""
    bare = _bare(annotation)
    if get_origin(bare) not in {Union, UnionType}:
        return []
    return [(kind, model) for model in get_args(bare) for kind in get_args(model.model_fields["kind"].annotation)]


def _inner(annotation: Any, token: Token) -> Any:
    model = _model(annotation)
    if model is not None:
        field = model.model_fields.get(str(token))
        return None if field is None else _field(field)
    arguments = get_args(_bare(annotation))
    if not isinstance(token, int) or not arguments:
        return None
    return arguments[0] if arguments[-1] is Ellipsis else arguments[min(token, len(arguments) - 1)]


def _bounds(annotation: Any) -> str | None:
    low = high = None
    for bound in _metadata(annotation):
        match bound:
            case Ge(ge=value):
                low = f"from {plain(value)}"
            case Gt(gt=value):
                low = f"above {plain(value)}"
            case Le(le=value):
                high = f"to {plain(value)}" if low and low.startswith("from") else f"at most {plain(value)}"
            case Lt(lt=value):
                high = f"below {plain(value)}"
    if low and high is None and low.startswith("from"):
        return f"{low.removeprefix('from ')} or more"
    return " and ".join(word for word in (low, high) if word).replace(" and to ", " to ") or None


def _metadata(annotation: Any) -> Iterator[Any]:
    if get_origin(annotation) is Annotated:
        inner, *metadata = get_args(annotation)
        for item in metadata:
            yield from item.metadata if isinstance(item, FieldInfo) else [item]
        yield from _metadata(inner)
    elif get_origin(annotation) in {Union, UnionType}:
        for member in get_args(annotation):
            yield from _metadata(member)
