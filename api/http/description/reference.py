"""The API reference: the OpenAPI document as JSON, and as a page without scripts or resources of other sites."""

from __future__ import annotations

import re
from functools import cache
from importlib import metadata
from typing import Any

import orjson
from flask import Flask, Response, render_template, request
from markupsafe import Markup, escape

from api.http.access.actors import session_cookie
from api.http.description.openapi import TAGS, describe
from api.http.operations import Operation
from shared.documents.phrases import plain

_CODE = re.compile(r"`([^`]+)`")


def register(app: Flask, operations: list[Operation]) -> None:
    """Add ``/openapi.json`` and ``/docs`` to `app`."""

    @cache
    def document() -> dict[str, Any]:
        return describe(operations, metadata.version("flightline-train"))

    @app.get("/openapi.json")
    def openapi() -> Response:
        return Response(orjson.dumps(_here(document()), option=orjson.OPT_INDENT_2), mimetype="application/json")

    @app.get("/docs")
    def docs() -> str:
        return render_template("reference.html", api=document(), tags=TAGS, operations=_by_tag(document()))

    app.add_template_filter(marked)
    app.add_template_filter(type_of)
    app.add_template_filter(pretty)


def _here(document: dict[str, Any]) -> dict[str, Any]:
    """Return the document with what depends on where the service is: its URL, and the name of its cookie."""
    parts = document["components"]
    session = parts["securitySchemes"]["session"] | {"name": session_cookie(request)}
    components = parts | {"securitySchemes": parts["securitySchemes"] | {"session": session}}
    return document | {"servers": [{"url": request.script_root or "/"}], "components": components}


def _by_tag(document: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {tag: [] for tag in TAGS}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            found[operation["tags"][0]].append({"method": method.upper(), "path": path, **operation})
    return found


def marked(text: str) -> Markup:
    """Return escaped HTML of a text in which words between backticks become `code` elements."""
    return Markup(_CODE.sub(r"<code>\1</code>", str(escape(text))))  # noqa: S704 -- escaped before


def pretty(value: object) -> str:
    """Return a JSON document indented over several lines."""
    return orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()


def type_of(schema: dict[str, Any]) -> Markup:
    """Describe a JSON schema as a short phrase of HTML, with links to the schemas that it refers to."""
    for several in ("anyOf", "oneOf"):
        if several in schema:
            return Markup(" | ").join(type_of(one) for one in schema[several])
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return Markup('<a href="#{0}">{0}</a>').format(name)
    if "const" in schema or "enum" in schema:
        values = schema.get("enum", [schema.get("const")])
        return Markup(" | ").join(Markup("<code>{}</code>").format(orjson.dumps(one).decode()) for one in values)
    if "items" in schema:
        return Markup("list of {}").format(type_of(schema["items"]))
    return escape(" ".join([schema.get("format") or schema.get("type", "anything"), *_bounds(schema)]))


def _bounds(schema: dict[str, Any]) -> list[str]:
    words = {
        "minimum": "≥",
        "exclusiveMinimum": ">",
        "maximum": "≤",
        "exclusiveMaximum": "<",
        "minLength": "length ≥",
        "maxLength": "length ≤",
    }
    return [f"{word} {plain(schema[name])}" for name, word in words.items() if name in schema]
