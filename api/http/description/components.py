"""Pydantic classes as OpenAPI components."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

_TEMPLATE = "#/components/schemas/{model}"


def reference_to(name: str) -> dict[str, str]:
    """The JSON schema that stands for component `name`."""
    return {"$ref": _TEMPLATE.format(model=name)}


def merged(parts: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """All schemas by name. Raises ValueError where one name means two things."""
    found: dict[str, Any] = {}
    for name, schema in (item for part in parts for item in part.items()):
        if found.setdefault(name, schema) != schema:
            raise ValueError(f"Two schemas are called {name}; give one of the classes another name.")
    return found


def answer_schemas(models: Iterable[type[BaseModel]]) -> dict[str, Any]:
    """The schemas of `models` and of all that they are made of, as they are answered: no field is left out."""
    _, schemas = models_json_schema([(model, "serialization") for model in models], ref_template=_TEMPLATE)
    found: dict[str, Any] = schemas.get("$defs", {})
    return found


def query_parameters(model: type[BaseModel]) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The OpenAPI parameters of a query model, and the schemas that they point at."""
    schema = model.model_json_schema(ref_template=_TEMPLATE)
    parameters = [_parameter(name, one) for name, one in schema.get("properties", {}).items()]
    return parameters, schema.get("$defs", {})


def _parameter(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    """A query string has no null: leaving a parameter out is what says it."""
    schema = dict(schema)
    description = schema.pop("description", "")
    schema.pop("title", None)
    if schema.get("default", ...) is None:
        del schema["default"]
    choices = [one for one in schema.pop("anyOf", []) if one != {"type": "null"}]
    for choice in choices:
        schema |= choice
    return {"name": name, "in": "query", "description": description, "schema": schema}
