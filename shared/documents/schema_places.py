"""Where pydantic's error locations lie in a document, and what the document's JSON schema says about those places."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from pydantic import BaseModel

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
    """Reads a location of pydantic's, against the JSON schema of `root`."""
    schema = _Schema(root)
    here: Mapping[str, Any] = schema.whole
    path: list[Token] = []
    fields: tuple[str, ...] = ()
    rivals: dict[str, tuple[str, ...]] = {}
    chosen: dict[str, tuple[str, ...]] = {}
    for token in location:
        members = schema.members(here)
        if members:
            chosen = {kind: tuple(member["properties"]) for kind, member in members.items()}
            here = members.get(str(token), {})
            continue
        if "properties" in here:
            rivals, chosen = chosen, {}
            fields = tuple(here["properties"])
        here = schema.inside(here, token)
        path.append(token)
    if root is JobSpec and len(path) == 1:
        fields = ("preset", *fields)  # which is written out before the rest is checked
    return Place(tuple(path), fields, tuple(schema.members(here)), _bounds(here), rivals, root)


@cache
def homes() -> dict[str, str]:
    """Field names that stand in one place only, and that place: what was put elsewhere is asked to move there."""
    found: dict[str, set[str]] = {"preset": {"/preset"}}
    schema = _Schema(JobSpec)
    for name, where in schema.names(schema.whole, ""):
        found.setdefault(name, set()).add(where)
    return {name: where.pop() for name, where in found.items() if len(where) == 1}


class _Schema:
    """A model's JSON schema, whose parts are returned with references followed and `null` taken out of a choice."""

    def __init__(self, root: type[BaseModel]) -> None:
        self.whole = _schema_of(root)

    def members(self, part: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
        """The objects that may stand at a place, by their `kind`; empty where there is no such choice."""
        return {
            kind: member
            for member in map(self._resolved, part.get("oneOf", ()))
            for kind in _values(member["properties"]["kind"])
        }

    def inside(self, part: Mapping[str, Any], token: Token) -> Mapping[str, Any]:
        """The field of an object, or the entry of an array; empty where the schema knows neither."""
        if not isinstance(token, int):
            return self._resolved(part.get("properties", {}).get(token, {}))
        by_position = part.get("prefixItems", ())
        return self._resolved(by_position[token] if token < len(by_position) else part.get("items", {}))

    def names(self, part: Mapping[str, Any], where: str) -> Iterator[tuple[str, str]]:
        """Every field of an object and of the objects in it, but for arrays' entries, with its pointer."""
        for name in part.get("properties", ()):
            yield name, f"{where}/{name}"
            inner = self.inside(part, name)
            for member in self.members(inner).values() or [inner]:
                yield from self.names(member, f"{where}/{name}")

    def _resolved(self, part: Mapping[str, Any]) -> Mapping[str, Any]:
        while "$ref" in part:
            part = self.whole["$defs"][part["$ref"].rsplit("/", 1)[-1]]
        present = [choice for choice in part.get("anyOf", ()) if choice.get("type") != "null"]
        return self._resolved(present[0]) if len(present) == 1 else part


@cache
def _schema_of(root: type[BaseModel]) -> dict[str, Any]:
    return root.model_json_schema()


def _values(kind: Mapping[str, Any]) -> Sequence[str]:
    return kind["enum"] if "enum" in kind else [kind["const"]]


def _bounds(part: Mapping[str, Any]) -> str | None:
    """The range of a number in words, such as "from 0 to 9", "above 0 and at most 1" or "1 or more"."""
    low = high = None
    if "minimum" in part:
        low = f"from {plain(part['minimum'])}"
    elif "exclusiveMinimum" in part:
        low = f"above {plain(part['exclusiveMinimum'])}"
    if "maximum" in part:
        high = f"{'to' if 'minimum' in part else 'at most'} {plain(part['maximum'])}"
    elif "exclusiveMaximum" in part:
        high = f"below {plain(part['exclusiveMaximum'])}"
    if "minimum" in part and not high:
        return f"{plain(part['minimum'])} or more"
    return " and ".join(word for word in (low, high) if word).replace(" and to ", " to ") or None
