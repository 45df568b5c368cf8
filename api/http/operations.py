"""The one layer between Flask and the endpoints: parse, call, serialise. `api.http.description` describes the same.

An endpoint is a plain function of the services, of the actor who asks, and of the parsed request::

    routes = Routes("jobs")

    @routes.route("GET", "/v1/jobs/<job_id>/epochs", query=EpochsQuery, answers={200: wire.EpochColumns})
    def read_epochs(services: Services, actor: Actor, query: EpochsQuery, job_id: str) -> Reply:
        '''A job's epochs as columns.'''
        return Reply(queries.epochs(services.db, job_id, query.after, actor=actor))
"""

from __future__ import annotations

import inspect
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Any, Literal, Protocol, TypeVar
from urllib.parse import quote

import orjson
from flask import Flask, Response, request
from pydantic import BaseModel

from api.http.access.actors import actor_of, credential_of
from api.http.description.components import reference_to
from api.http.requests.parsing import NoQuery, parse_job_id, parse_query, read_json_body
from api.services import Services
from shared import logs
from shared.documents.reader import MalformedJson
from shared.errors import FlightlineError, InvalidHeader, PayloadTooLarge, UnsupportedMediaType
from shared.jobs.actor import Actor, Scope
from shared.jobs.reads.short_ids import whole_id
from shared.settings import Settings
from shared.wire.answer import Answer

STREAM_SECONDS = 3600.0
"""How long an event stream lasts at most."""
View = TypeVar("View", bound="Callable[..., Reply | Response]")


@dataclass(frozen=True)
class Reply:
    """An endpoint's answer: an instance of a class of `shared.wire`, with a status where the operation has several.

    Attributes:
        body: the answer, or its JSON; None for a response without a body.
        status: HTTP status; None means the operation's first one.
        headers: further response headers; a path in ``Location`` begins below the base path.
    """

    body: Answer | bytes | None
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


class Body(Protocol):
    """The body that an operation takes: how it is read, and its OpenAPI description."""

    @property
    def raises(self) -> tuple[type[FlightlineError], ...]:
        """The errors of a body that cannot be read."""

    @property
    def schemas(self) -> Callable[[], dict[str, Any]]:
        """Returns the OpenAPI components of the body, by name."""

    def read(self, settings: Settings) -> object:
        """Return the current request's body as the operation takes it."""

    def content(self) -> dict[str, Any]:
        """Return the OpenAPI media types of the body."""


@dataclass(frozen=True)
class Json:
    """A JSON request body that no class of `shared.wire` describes, read as bytes.

    Its schema is the OpenAPI component `name`, one of `schemas()`.
    """

    name: str
    schemas: Callable[[], dict[str, Any]]
    examples: Mapping[str, Any]
    most_bytes: str = "max_body_bytes"
    """The setting that limits the body's size."""
    raises: tuple[type[FlightlineError], ...] = (MalformedJson, PayloadTooLarge, UnsupportedMediaType)

    def read(self, settings: Settings) -> bytes:
        """Return the current request's body; raises as `read_json_body`."""
        return read_json_body(request, getattr(settings, self.most_bytes), f"FLIGHTLINE_{self.most_bytes.upper()}")

    def content(self) -> dict[str, Any]:
        """Return the one media type, with its schema and examples."""
        return {"application/json": {"schema": reference_to(self.name), "examples": self.examples}}


@dataclass(frozen=True)
class Raw:
    """A response body that is not JSON: its media type, and the OpenAPI media type object of it."""

    media_type: str
    description: Mapping[str, Any] = field(default_factory=dict)


Described = type[Answer] | tuple[type[Answer], ...] | Raw | None
"""What OpenAPI says of a response: one class or any of several, another media type, or no body."""


@dataclass(frozen=True)
class Header:
    """A request header that an operation reads."""

    name: str
    form: str
    """What the value must be, as a phrase that follows "must be" in an error message."""
    description: str
    schema: Mapping[str, object]

    def describe(self) -> dict[str, Any]:
        """Return the header's OpenAPI parameter object."""
        return {"name": self.name, "in": "header", "description": self.description, "schema": dict(self.schema)}

    def read(self) -> str | None:
        """Return the header's value in the current request; None when the request does not send it.

        Raises:
            InvalidHeader: the value does not match the schema's pattern.
        """
        text = request.headers.get(self.name)
        if text is not None and not re.fullmatch(str(self.schema["pattern"]).strip("^$"), text):
            raise InvalidHeader(f"The header {self.name} must be {self.form}.")
        return text


def find_job(services: Services, actor: Actor, text: str) -> str:
    """Return the full id of the job that `text` names. Raises JobNotFound, or AmbiguousJobId with the jobs that fit."""
    return whole_id(services.db, text, actor=actor)


@dataclass(frozen=True)
class Operation:
    """One endpoint: its method and path, what it accepts, what it may answer, and the function that handles it."""

    method: str
    path: str
    tag: str
    view: Callable[..., Reply | Response]
    query: type[BaseModel]
    body: Body | None
    answers: Mapping[int, Described]
    raises: tuple[type[FlightlineError], ...]
    scope: Scope | None
    """What a token must allow; None for an operation that needs no token."""
    headers: tuple[Header, ...] = ()
    find_job: Callable[[Services, Actor, str], str] = find_job
    """Returns the full id of the job that the path names by an id or the end of one."""
    csv: bool = False
    """Whether the operation answers CSV too, where the request prefers it."""

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
        """Whether the path names one job, by its id or the end of it."""
        return "<job_id>" in self.path

    @property
    def is_tagged(self) -> bool:
        """Whether responses carry an ETag, and answer 304 to those who have it: the reads of one job's things."""
        return self.method == "GET" and self.takes_job_id and 304 in self.answers

    def handle(self, services: Services, **path: str) -> Response:
        """Answer the current request. Raises errors that `api.http.errors` turns into problems."""
        actor, arguments = actor_of(services.admission, request, self.scope), dict[str, object](path)
        logs.bind(owner=actor.owner)
        if self.takes_job_id:
            arguments["job_id"] = self.find_job(services, actor, parse_job_id(path["job_id"]))
            logs.bind(job=arguments["job_id"])
        query = parse_query(self.query, request.args)
        if self.query is not NoQuery:
            arguments["query"] = query
        if self.body is not None:
            arguments["body"] = self.body.read(services.settings)
        reply = self.view(services, actor, **arguments)
        response = _guarded(services, reply) if isinstance(reply, Response) else self._serialise(reply)
        if self.takes_job_id and arguments["job_id"] != path["job_id"].lower():
            response.headers["Link"] = _canonical(path["job_id"], str(arguments["job_id"]))
        return response

    def _serialise(self, reply: Reply) -> Response:
        status = reply.status or next(iter(self.answers))
        body = reply.body or b""
        if not isinstance(body, bytes):
            body = orjson.dumps(body, default=vars)  # an answer's fields
        response = Response(body, status, reply.headers, mimetype="application/json")
        if reply.body is None:
            del response.headers["Content-Type"]
        if self.is_tagged:
            _tag(response)
        response.headers.setdefault("Cache-Control", "no-store")
        if location := reply.headers.get("Location"):
            response.headers["Location"] = f"{request.script_root}{location}"
        return response


def _tag(response: Response) -> None:
    """Give a response the ETag of its content, and empty it where the request has that already."""
    response.headers["Cache-Control"] = "private, no-cache"  # may be kept, but is asked for again each time
    response.add_etag()
    response.make_conditional(request)


def _guarded(services: Services, response: Response) -> Response:
    """End an event stream after `STREAM_SECONDS`, or once the credential that it was opened with is not accepted.

    A reader that still follows connects again and misses nothing; one that has stopped reading holds its thread no
    longer.
    """
    if response.mimetype != "text/event-stream":
        return response
    credential = credential_of(request) if services.authentication.required else None
    ends = time.monotonic() + STREAM_SECONDS

    def goes_on(_frame: bytes) -> bool:
        return time.monotonic() < ends and (credential is None or services.authentication.still_holds(credential))

    response.response = takewhile(goes_on, response.iter_encoded())
    return response


def _canonical(short: str, job_id: str) -> str:
    """Return the `Link` header that names, by its path, the job that a short id stood for."""
    address = request.path.replace(f"/{short}", f"/{job_id}", 1)
    return f'<{request.script_root}{quote(address)}>; rel="canonical"'


class Routes:
    """Collects the operations of one module, which has no other effect when imported; `register` adds them to an app.

    Args:
        tag: the OpenAPI tag that groups the operations.
        raises: errors that every one of the operations may raise.
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
        body: Body | None = None,
        raises: tuple[type[FlightlineError], ...] = (),
        headers: tuple[Header, ...] = (),
        find_job: Callable[[Services, Actor, str], str] = find_job,
        csv: bool = False,
        scope: Scope | Literal["default"] | None = "default",
    ) -> Callable[[View], View]:
        """Declare an operation at `path` (Flask's notation); with `body` it takes what that reads.

        Its `scope` is `read` for GET and `submit` for the rest, unless given; None: everybody may call it.
        """
        usual = Scope.READ if method == "GET" else Scope.SUBMIT

        def declare(view: View) -> View:
            errors = (*self.raises, *raises)
            takes = usual if scope == "default" else scope
            self.operations.append(
                Operation(method, path, self.tag, view, query, body, answers, errors, takes, headers, find_job, csv)
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
