"""Answers (`shared.wire`) as pydantic classes, for their JSON schemas only; these classes serialise nothing."""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Iterable, Sequence
from functools import cache
from types import UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel, ConfigDict, Field, create_model

from shared.wire.answer import Answer, json_name

_CONFIG = ConfigDict(extra="forbid", allow_inf_nan=False)
"""Fields that a class does not declare are refused."""


_PUBLISHED = {
    "PresetInfoPage": "PresetPage",
    "DatasetInfoPage": "DatasetPage",
    "LogLinePage": "LogPage",
    "dictPage": "FieldsPage",
}
"""Component names since the first release, which differ from the class names: clients generate code from them."""
_MODELS: dict[Any, type[BaseModel]] = {}


def model_of(kind: type[Answer]) -> type[BaseModel]:
    """Return the pydantic class of an answer: own and inherited fields, each described by the text below it.

    The class of ``wire.Page[wire.Job]`` is named JobPage.
    """
    if kind not in _MODELS:
        origin, texts = get_origin(kind) or kind, _texts(kind)
        name = "".join([*(one.__name__ for one in get_args(kind)), origin.__name__])
        fields: Any = {field: (_modelled(one), Field(description=texts.get(field))) for field, one in _types(kind)}
        _MODELS[kind] = create_model(_PUBLISHED.get(name, name), __config__=_CONFIG, __doc__=origin.__doc__, **fields)
    return _MODELS[kind]


def _modelled(wanted: Any) -> Any:
    """Return the type with every answer class in it replaced by its pydantic class."""
    if isinstance(wanted, type) and issubclass(wanted, Answer):
        return model_of(wanted)
    origin, inner = get_origin(wanted), tuple(_modelled(one) for one in get_args(wanted))
    if origin is UnionType:
        return Union[inner]  # noqa: UP007 -- of any number of members
    return origin[inner] if origin in (Sequence, list) else wanted


def _types(kind: Any) -> Iterable[tuple[str, Any]]:
    """Return own and inherited fields with their types, the type variables of a generic class filled in."""
    origin = get_origin(kind) or kind
    types: dict[str, Any] = {}
    for base in vars(origin).get("__orig_bases__", origin.__bases__):
        if issubclass(get_origin(base) or base, Answer):
            types |= _types(base)
    hints = get_type_hints(origin, include_extras=True)
    types |= {json_name(name): hints[name] for name in inspect.get_annotations(origin)}
    variables = dict(zip(getattr(origin, "__parameters__", ()), get_args(kind), strict=False))
    return [(name, _filled(one, variables)) for name, one in types.items()]


def _filled(wanted: Any, variables: dict[Any, Any]) -> Any:
    if isinstance(wanted, TypeVar):
        return variables.get(wanted, wanted)
    free = getattr(wanted, "__parameters__", ())
    return wanted[tuple(variables.get(one, one) for one in free)] if free else wanted


def _texts(kind: Any) -> dict[str, str]:
    """Return the description below each field that has one, by field name."""
    found: dict[str, str] = {}
    for base in reversed((get_origin(kind) or kind).__mro__):
        if issubclass(base, Answer):
            found |= _texts_of_module(base.__module__).get(base.__name__, {})
    return found


@cache
def _texts_of_module(name: str) -> dict[str, dict[str, str]]:
    """Return the descriptions below the fields of each class of a module, by class and field name."""
    tree = ast.parse(inspect.getsource(sys.modules[name]))
    return {one.name: _texts_in(one) for one in tree.body if isinstance(one, ast.ClassDef)}


def _texts_in(body: ast.ClassDef) -> dict[str, str]:
    texts = {}
    for field, below in zip(body.body, body.body[1:], strict=False):
        match field, below:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                texts[json_name(name)] = " ".join(text.split())
    return texts
