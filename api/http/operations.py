"""The one layer between Flask and the endpoints: parse, call, serialise; `api.http.openapi` describes the same records.

An endpoint is a plain function of the services, of who asks, and of what it asked for::

    routes = Routes("jobs")

    @routes.route("GET", "/v1/jobs/<job_id>/epochs", query=EpochsQuery, answers={200: wire.EpochColumns})
    def read_epochs(services: Services, actor: Actor, query: EpochsQuery, job_id: str) -> Reply:
        '''A job's epochs as columns.'''
        return Reply(queries.epochs(services.db, job_id, query.after, actor=actor))
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import quote

import orjson
from flask import Flask, Response, request
from pydantic import BaseModel

from api.http.actors import actor_of
from api.http.parsing import NoQuery, parse_job_id, parse_query, read_json_body
from api.services import Services
from shared.answer import Answer
from shared.errors import FlightlineError, InvalidHeader
from shared.jobs.actor import Actor
from shared.jobs.short_ids import whole_id

View = TypeVar("View", bound="Callable[..., Reply | Response]")


@dataclass(frozen=True)
class Reply:
    """What an endpoint answers: a class of `shared.wire`, and a status where the operation has several.

    Attributes:
        body: the answer; None for one without a body.
        status: HTTP status; None means the operation's first.
        headers: further headers, such as ``Location``.
    """

    body: Answer | None
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Json:
    """A JSON document that an operation takes: the OpenAPI component `name`, one of `schemas()`."""

    name: str
    schemas: Callable[[], dict[str, Any]]
    examples: Mapping[str, Any]


@dataclass(frozen=True)
class Raw:
    """An answer that is no JSON: its media type, and that type's OpenAPI object."""

    media_type: str
    description: Mapping[str, Any] = field(default_factory=dict)


Described = type[Answer] | Raw | None


@dataclass(frozen=True)
class Header:
    """A request header that an operation reads."""

    name: str
    form: str
    """What its value must be, as words."""
    description: str
    schema: Mapping[str, object]

    def describe(self) -> dict[str, Any]:
        """Its OpenAPI parameter object."""
        return {"name": self.name, "in": "header", "description": self.description, "schema": dict(self.schema)}

    def read(self) -> str | None:
        """What the current request sends; None when it does not.

        Raises:
            InvalidHeader: it is not of the schema's form.
        """
        text = request.headers.get(self.name)
        if text is not None and not re.fullmatch(str(self.schema["pattern"]).strip("^$"), text):
            raise InvalidHeader(f"The header {self.name} must be {self.form}.")
        return text


def find_job(services: Services, actor: Actor, text: str) -> str:
    """The whole id of the job that is called so; raises as `whole_id`."""
    return whole_id(services.db, text, actor=actor)


@dataclass(frozen=True)
class Operation:
    """One endpoint: how it is reached, what it takes, what it may answer, and the function that does it."""

    method: str
    path: str
    tag: str
    view: Callable[..., Reply | Response]
    query: type[BaseModel]
    body: Json | None
    answers: Mapping[int, Described]
    raises: tuple[type[FlightlineError], ...]
    headers: tuple[Header, ...] = ()
    find_job: Callable[[Services, Actor, str], str] = find_job
    """The whole id of the job that the path calls by an id or an end of one."""

    @property
    def name(self) -> str:
        """The operation's id in OpenAPI and in Flask: the function's name."""
        return self.view.__name__

    @property
    def documentation(self) -> str:
        """The function's docstring; its first line is the summary."""
        return inspect.getdoc(self.view) or self.name

    @property
    def takes_job_id(self) -> bool:
        """Whether it is about one job, which may be called by an end of its id."""
        return "<job_id>" in self.path

    def handle(self, services: Services, **path: str) -> Response:
        """Answer the current request. Raises what `api.http.errors` turns into a problem."""
        actor, arguments = actor_of(request), dict[str, object](path)
        if self.takes_job_id:
            arguments["job_id"] = self.find_job(services, actor, parse_job_id(path["job_id"]))
        query = parse_query(self.query, request.args)
        if self.query is not NoQuery:
            arguments["query"] = query
        if self.body is not None:
            arguments["body"] = read_json_body(request, services.settings.max_body_bytes)
        reply = self.view(services, actor, **arguments)
        response = reply if isinstance(reply, Response) else self._serialise(reply)
        if self.takes_job_id and arguments["job_id"] != path["job_id"].lower():
            response.headers["Link"] = _canonical(path["job_id"], str(arguments["job_id"]))
        return response

    def _serialise(self, reply: Reply) -> Response:
        status = reply.status or next(iter(self.answers))
        body = b"" if reply.body is None else orjson.dumps(reply.body, default=vars)  # an answer's fields
        response = Response(body, status, reply.headers, mimetype="application/json")
        if reply.body is None:
            del response.headers["Content-Type"]
        response.headers.setdefault("Cache-Control", "no-store")
        return response


def _canonical(short: str, job_id: str) -> str:
    """The header that says, by its address, which job was meant by an end of its id."""
    address = request.path.replace(f"/{short}", f"/{job_id}", 1)
    return f'<{quote(address)}>; rel="canonical"'


class Routes:
    """Collects the operations of one module; `register` adds them to an app. Importing a module builds nothing else.

    Args:
        tag: what OpenAPI groups them by.
        raises: what every one of them may raise.
    """

    def __init__(self, tag: str, raises: tuple[type[FlightlineError], ...] = ()) -> None:
        self.tag = tag
        self.raises = raises
        self.operations: list[Operation] = []

    def route(
        self,
        method: str,
        path: str,
        *,
        answers: Mapping[int, Described],
        query: type[BaseModel] = NoQuery,
        body: Json | None = None,
        raises: tuple[type[FlightlineError], ...] = (),
        headers: tuple[Header, ...] = (),
        find_job: Callable[[Services, Actor, str], str] = find_job,
    ) -> Callable[[View], View]:
        """Declare an operation at `path` (Flask's notation); with `body` it takes a JSON document as bytes."""

        def declare(view: View) -> View:
            errors = (*self.raises, *raises)
            self.operations.append(
                Operation(method, path, self.tag, view, query, body, answers, errors, headers, find_job)
            )
            return view

        return declare


def register(app: Flask, services: Services, operations: list[Operation]) -> None:
    """Add every operation to `app`, bound to `services`."""
    for operation in operations:
        app.add_url_rule(
            operation.path, operation.name, _bind(operation, services), methods=[operation.method], strict_slashes=True
        )


def _bind(operation: Operation, services: Services) -> Callable[..., Response]:
    def view(**path: str) -> Response:
        return operation.handle(services, **path)

    return view
