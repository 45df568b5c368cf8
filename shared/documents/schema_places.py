"""Places in a document: pydantic's error locations, resolved against the document's JSON schema."""

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
    """A place in a document, and what the schema allows there.

    Attributes:
        path: path of the place, without the union tags that pydantic puts into its locations.
        fields: names of the fields of the object that contains the place.
        kinds: possible kinds of the object at the place, where there are several.
        bounds: range of a number at the place, as a phrase; None without a range.
        rivals: possible kinds of the object that contains the place, each with its fields, where there are several.
        root: the model of the whole document.
    """

    path: tuple[Token, ...]
    fields: tuple[str, ...]
    kinds: tuple[str, ...]
    bounds: str | None
    rivals: Mapping[str, tuple[str, ...]]
    root: type[BaseModel] = JobSpec


def place(location: Sequence[Token], root: type[BaseModel] = JobSpec) -> Place:
    """Resolve a location of pydantic's against the JSON schema of `root`."""
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
        fields = ("preset", *fields)  # the preset is expanded before the model sees the document
    return Place(tuple(path), fields, tuple(schema.members(here)), _bounds(here), rivals, root)


@cache
def homes() -> dict[str, str]:
    """Return pointers of the fields whose name occurs in one place only, by name, to suggest for misplaced fields."""
    found: dict[str, set[str]] = {"preset": {"/preset"}}
    schema = _Schema(JobSpec)
    for name, where in schema.names(schema.whole, ""):
        found.setdefault(name, set()).add(where)
    return {name: where.pop() for name, where in found.items() if len(where) == 1}


class _Schema:
    """A model's JSON schema; its methods follow references, and reduce a choice of a type or null to the type."""

    def __init__(self, root: type[BaseModel]) -> None:
        self.whole = _schema_of(root)

    def members(self, part: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
        """Return the schemas of a choice of objects, by their `kind`; empty where `part` is no such choice."""
        return {
            kind: member
            for member in map(self._resolved, part.get("oneOf", ()))
            for kind in _values(member["properties"]["kind"])
        }

    def inside(self, part: Mapping[str, Any], token: Token) -> Mapping[str, Any]:
        """Return the schema of an object's field or an array's entry; empty where the schema has neither."""
        if not isinstance(token, int):
            any_field = part.get("additionalProperties")  # false where only the listed ones are allowed
            named = part.get("properties", {}).get(token)
            return self._resolved(named or (any_field if isinstance(any_field, Mapping) else {}))
        by_position = part.get("prefixItems", ())
        return self._resolved(by_position[token] if token < len(by_position) else part.get("items", {}))

    def names(self, part: Mapping[str, Any], where: str) -> Iterator[tuple[str, str]]:
        """Yield name and pointer of every field of an object and of objects in it, except in arrays."""
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
    """Return a number's range as a phrase, such as "from 0 to 9", "above 0 and at most 1" or "1 or more"."""
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
