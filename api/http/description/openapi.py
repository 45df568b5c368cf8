"""The OpenAPI 3.1 description, built from the same `Operation` records that serve requests, so the two always agree."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from http import HTTPStatus
from typing import Any

from api.http.description.answers import model_of
from api.http.description.components import answer_schemas, merged, query_parameters, reference_to
from api.http.errors import (
    MEDIA_TYPE,
    Forbidden,
    InsufficientScope,
    MisdirectedRequest,
    Problem,
    Unauthenticated,
    status_of,
)
from api.http.operations import Described, Operation, Raw
from api.http.requests.parsing import JOB_ID
from api.http.security import SAFE_METHODS
from api.http.tables import CSV
from shared.errors import (
    AmbiguousJobId,
    BadRequest,
    DatabaseUnavailable,
    FlightlineError,
    InvalidHeader,
    InvalidQuery,
    TooManyFailedSignIns,
    TooManyRequests,
)
from shared.people.scopes import Scope
from shared.people.tokens import ID_PATTERN

TAGS = {
    "jobs": "Submit, list, read, cancel, retry and delete jobs.",
    "results": "Read what a job produced: epochs, attempts, evaluations, log, artifacts.",
    "sweeps": "Search a space of jobs for the best one: start, follow and change sweeps.",
    "predictions": "Use a finished job's network: classify images, download it, look at its mistakes.",
    "fleet": "List workers and queues.",
    "catalog": "List the presets and data sets that a job may name.",
    "webhooks": "Have other services told of finished jobs, and look at what was sent to them.",
    "people": "Say who sends requests: tokens, and the sessions of browsers.",
    "health": "Check whether the service works.",
}
PATHS = {
    "job_id": {
        "description": "The job's id, or its last four or more characters. The response to a short id names the job in "
        '`Link: <…>; rel="canonical"`; if several jobs match, it is 409 with their ids in `jobs`.',
        "schema": {"type": "string", "pattern": f"^({JOB_ID})$"},
    },
    "sweep": {
        "description": "The sweep's id, or its last four or more characters.",
        "schema": {"type": "string", "pattern": "^[0-9a-fA-F-]{4,36}$"},
    },
    "dataset": {
        "description": "The data set's name.",
        "schema": {"type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$"},
    },
    "webhook": {"description": "The webhook's id.", "schema": {"type": "string", "pattern": "^[0-9a-f-]{36}$"}},
    "delivery": {"description": "The delivery's id.", "schema": {"type": "string", "pattern": "^[0-9a-f-]{36}$"}},
    "token_id": {"description": "The token's id.", "schema": {"type": "string", "pattern": ID_PATTERN}},
    "name": {"description": "The artifact's name.", "schema": {"type": "string"}},
    "split": {"description": "The data set's split.", "schema": {"type": "string", "enum": ["train", "val"]}},
    "index": {
        "description": "The image's place in the split, from 0.",
        "schema": {"type": "string", "pattern": "^[0-9]{1,9}$"},
    },
}
HEADERS: dict[int, dict[str, Any]] = {
    201: {"Location": {"description": "Path of what was made.", "required": True, "schema": {"type": "string"}}},
    401: {
        "WWW-Authenticate": {
            "description": "How to authenticate, as RFC 6750 has it.",
            "required": True,
            "schema": {"type": "string"},
        }
    },
    429: {"Retry-After": {"description": "Seconds to wait.", "required": True, "schema": {"type": "integer"}}},
    503: {
        "Retry-After": {
            "description": "Seconds to wait before a retry; absent with `retryable: false`.",
            "required": False,
            "schema": {"type": "integer"},
        }
    },
}
SECURITY: dict[str, dict[str, Any]] = {
    "token": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "fl_ and 43 characters",
        "description": "A token, which `flightline token create` and `POST /v1/tokens` make.",
    },
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": "flightline_session",
        "description": "A browser's session, which `POST /v1/session` begins. Each service has a name of its own.",
    },
}
"""The ways to authenticate; a service that listens on a loopback address asks for neither (`FLIGHTLINE_AUTH`)."""
_VARIABLE = re.compile(r"<(?:\w+:)?(\w+)>")


def describe(operations: Iterable[Operation], version: str) -> dict[str, Any]:
    """Return the whole OpenAPI document of these operations, as plain JSON values."""
    operations = list(operations)
    paths: dict[str, dict[str, Any]] = defaultdict(dict)
    for operation in operations:
        paths[_VARIABLE.sub(r"{\1}", operation.path)][operation.method.lower()] = _operation(operation)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Flightline",
            "version": version,
            "description": "Trains small image classifiers as a service.",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/"}],
        "tags": [{"name": name, "description": text} for name, text in TAGS.items()],
        "paths": dict(paths),
        "components": {"schemas": dict(sorted(_schemas(operations).items())), "securitySchemes": SECURITY},
    }


def errors_of(operation: Operation) -> tuple[type[FlightlineError], ...]:
    """Return every error that the operation may answer: its own and those common to operations of its shape."""
    common: list[type[FlightlineError]] = [InvalidQuery, BadRequest, MisdirectedRequest]
    if operation.takes_job_id:
        common.append(AmbiguousJobId)
    if operation.headers:
        common.append(InvalidHeader)
    if operation.body is not None:
        common += operation.body.raises
    if operation.method not in SAFE_METHODS:
        common.append(Forbidden)
    if operation.scope is not None:
        common += [Unauthenticated, InsufficientScope, TooManyRequests, TooManyFailedSignIns, DatabaseUnavailable]
    return tuple(dict.fromkeys((*operation.raises, *common)))


def _operation(operation: Operation) -> dict[str, Any]:
    summary, _, description = operation.documentation.partition("\n")
    described = {
        "operationId": operation.name,
        "tags": [operation.tag],
        "summary": summary.rstrip("."),
        "description": "\n\n".join(filter(None, [description.strip() or summary, _takes(operation)])),
        "parameters": [
            *_path_parameters(operation),
            *query_parameters(operation.query)[0],
            *(header.describe() for header in operation.headers),
        ],
        "responses": dict(sorted(_responses(operation))),
        "security": _security(operation),
    }
    if operation.body is not None:
        described["requestBody"] = {"required": True, "content": operation.body.content()}
    return described


def _security(operation: Operation) -> list[dict[str, list[str]]]:
    """Return the ways to authenticate, each with the scope that the operation takes; none for an open operation."""
    return [] if operation.scope is None else [{scheme: [str(operation.scope)]} for scheme in SECURITY]


def _takes(operation: Operation) -> str:
    if operation.scope is None:
        return "Needs no token."
    return f"Takes a token with the scope `{operation.scope}`{'' if operation.scope is Scope.ADMIN else ' or more'}."


def _path_parameters(operation: Operation) -> Iterator[dict[str, Any]]:
    for name in _VARIABLE.findall(operation.path):
        yield {"name": name, "in": "path", "required": True, **PATHS[name]}


def _responses(operation: Operation) -> Iterator[tuple[str, dict[str, Any]]]:
    for status, answer in operation.answers.items():
        also = {CSV: {"schema": {"type": "string"}}} if operation.csv else {}
        yield _response(status, HTTPStatus(status).phrase, _content(answer) | also if answer else {})
    by_status = defaultdict(list)
    for error in errors_of(operation):
        by_status[status_of(error)].append(error)
    for status, errors in by_status.items():
        text = " ".join(f"`{one.code}`: {(one.__doc__ or '').partition(chr(10))[0]}" for one in errors)
        yield _response(status, text, {MEDIA_TYPE: {"schema": reference_to(Problem.__name__)}})


def _response(status: int, description: str, content: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    response: dict[str, Any] = {"description": description}
    if status in HEADERS:
        response["headers"] = HEADERS[status]
    if content:
        response["content"] = content
    return str(status), response


def _content(answer: Described) -> dict[str, Any]:
    if answer is None:
        return {}
    if isinstance(answer, Raw):
        return {answer.media_type: answer.description}
    if isinstance(answer, tuple):
        return {"application/json": {"schema": {"anyOf": [reference_to(model_of(one).__name__) for one in answer]}}}
    return {"application/json": {"schema": reference_to(model_of(answer).__name__)}}


def _schemas(operations: list[Operation]) -> dict[str, Any]:
    described = [one for operation in operations for one in operation.answers.values()]
    answers = [one for some in described for one in (some if isinstance(some, tuple) else (some,))]
    models = [model_of(one) for one in answers if one is not None and not isinstance(one, Raw)]
    parts = [answer_schemas({Problem, *models})]
    parts += [query_parameters(operation.query)[1] for operation in operations]
    parts += [operation.body.schemas() for operation in operations if operation.body is not None]
    return merged(parts)
