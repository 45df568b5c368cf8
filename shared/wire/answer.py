"""The base class and the types of the HTTP API's answers (`shared.wire`).

An answer is made by the names of its fields, so a type checker sees one that is missing or misspelt where the answer is
made. The text under a field describes it in OpenAPI. The client's records inherit the fields as their attributes, which
a `TypedDict` could not give them. All of this needs the standard library alone, and costs a client no time to load.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from inspect import get_annotations
from keyword import iskeyword
from operator import itemgetter
from typing import Annotated, Any, TypeVar, dataclass_transform

Kind = TypeVar("Kind")
Json = dict[str, Any]
_NAMES: dict[type[Any], tuple[str, ...]] = {}
_KEYWORDS: dict[type[Any], tuple[str, ...]] = {}
"""For each class of answers that has some, its fields in JSON that are keywords of Python."""


@dataclass(frozen=True)
class Choice:
    """Marks a string as a value of an enumeration, which pydantic then describes in the JSON schema."""

    values: type[StrEnum]

    def __get_pydantic_core_schema__(self, _source: object, handler: Any) -> Any:
        return handler.generate_schema(self.values)


@dataclass(frozen=True)
class Format:
    """Marks a string as being of a JSON schema `format`, which pydantic then writes into the schema."""

    name: str

    def __get_pydantic_json_schema__(self, schema: Any, handler: Any) -> Json:
        return {**handler(schema), "format": self.name}


Instant = Annotated[str, Format("date-time")]
"""An ISO 8601 instant in UTC."""


class Answer:
    """An immutable JSON object.

    Fields are attributes, and items as in JSON: ``answer["id"]``. An answer equals any mapping of the same JSON.
    A field that is a keyword of Python has an attribute with an underscore: ``class_`` is ``answer["class"]``.
    """

    def __init__(self, **fields: Any) -> None:
        vars(self).update(fields)
        for keyword in _KEYWORDS.get(type(self), ()):
            vars(self)[keyword] = vars(self).pop(f"{keyword}_")

    def __getitem__(self, name: str) -> Any:
        return vars(self)[name]

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{type(self).__name__} does not change.")

    def __eq__(self, other: object) -> bool:
        return vars(self) == (vars(other) if isinstance(other, Answer) else other)

    def __hash__(self) -> int:
        return hash(frozenset(vars(self)))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({vars(self)!r})"


@dataclass_transform(kw_only_default=True, frozen_default=True)
def answer(kind: type[Kind]) -> type[Kind]:
    """Make a class an answer: type checkers then demand every field, by its name, where an answer is built."""
    annotated = (name for base in reversed(kind.__mro__) for name in get_annotations(base))
    _NAMES[kind] = tuple(dict.fromkeys(map(json_name, annotated)))
    keywords = tuple(name for name in _NAMES[kind] if iskeyword(name))
    for keyword in keywords:
        setattr(kind, f"{keyword}_", property(itemgetter(keyword)))
    if keywords:
        _KEYWORDS[kind] = keywords
    return kind


def json_name(attribute: str) -> str:
    """Return the name in JSON of a field with this attribute: that of a keyword of Python ends in an underscore."""
    return attribute.removesuffix("_") if iskeyword(attribute.removesuffix("_")) else attribute


def names(kind: type[Answer]) -> tuple[str, ...]:
    """Return the names of an answer's fields in JSON, in order."""
    return _NAMES[kind]
