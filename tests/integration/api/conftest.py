"""The application on a migrated SQLite file and a real Redis; its test client holds every answer to the description."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any, Protocol, Union

import pytest
from flask import Flask
from flask.testing import FlaskClient
from pydantic import TypeAdapter
from werkzeug.exceptions import HTTPException
from werkzeug.test import TestResponse

from api.app import ROUTES, create_app
from api.http.description.answers import model_of
from api.http.description.openapi import errors_of
from api.http.errors import Problem, status_of
from api.http.operations import Raw
from api.services import Services
from shared.jobs.running import attempts
from shared.jobs.running.claims import Claim
from shared.settings import Settings
from tests.support import factories

OPERATIONS = {operation.name: operation for routes in ROUTES for operation in routes.operations}


class CheckedClient(FlaskClient):
    """Fails where an answer has a status that is not documented, or a body unlike the documented one."""

    def open(self, *args: Any, **kwargs: Any) -> TestResponse:
        """Send the request and check its answer."""
        response = super().open(*args, **kwargs)
        request = response.request
        with contextlib.suppress(HTTPException):
            endpoint, _ = self.application.url_map.bind("localhost").match(request.path, request.method)
            self._check(endpoint, response)
        return response

    def _check(self, name: str, response: TestResponse) -> None:
        operation = OPERATIONS[name]
        if response.status_code >= 400:
            assert response.status_code in set(map(status_of, errors_of(operation))), response.text
            assert response.mimetype == "application/problem+json"
            Problem.model_validate_json(response.data)
        elif response.request.method == operation.method:
            answer = operation.answers[response.status_code]
            if answer is None:
                assert response.data == b""
            elif response.mimetype == "text/csv":
                assert operation.csv
            elif not isinstance(answer, Raw):
                kinds: Any = tuple(map(model_of, answer if isinstance(answer, tuple) else (answer,)))
                TypeAdapter(Union[kinds]).validate_json(response.data)  # noqa: UP007


class Get(Protocol):
    """Sends a GET and gives the JSON of its answer, which must have that status."""

    def __call__(self, path: str, status: int = 200) -> dict[str, Any]: ...


@pytest.fixture
def services(settings: Callable[..., Settings]) -> Iterator[Services]:
    """The real parts, closed at the end."""
    services = Services.build(settings(max_body_bytes=20_000))
    yield services
    services.broker.close()
    services.db.dispose()


@pytest.fixture
def app(services: Services) -> Flask:
    """The application over them."""
    app = create_app(services=services)
    app.test_client_class = CheckedClient
    return app


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """A client that checks every answer."""
    return app.test_client()


@pytest.fixture
def get(client: FlaskClient) -> Get:
    """GET a path."""

    def get(path: str, status: int = 200) -> dict[str, Any]:
        response = client.get(path)
        assert response.status_code == status, response.text
        return dict(response.json or {})

    return get


@pytest.fixture
def submit(client: FlaskClient) -> Callable[..., dict[str, Any]]:
    """Submit a small network, with changes to its spec, and give the job."""

    def submit(**changes: object) -> dict[str, Any]:
        response = client.post("/v1/jobs", json={"architecture": {"kind": "mlp", "hidden": [4]}, **changes})
        assert response.status_code == 201, response.text
        return dict(response.json or {})

    return submit


@pytest.fixture
def run(services: Services) -> Callable[..., Claim]:
    """Claim a job as a worker does and record epochs with these validation accuracies."""

    def run(job_id: str, *accuracies: float) -> Claim:
        claim = factories.claim(services.db, job_id)
        rows = [factories.epoch_row(number, val_accuracy=value) for number, value in enumerate(accuracies, start=1)]
        best = factories.best(1, max(accuracies)) if accuracies else {}
        assert attempts.record_epochs(services.db, claim, rows, best)
        return claim

    return run


@pytest.fixture
def finish(services: Services) -> Callable[..., None]:
    """Run a job to its success, with one epoch, an evaluation of its best weights and an artifact."""

    def finish(job_id: str, accuracy: float = 0.7, content: bytes = b"weights") -> None:
        claim = factories.claim(services.db, job_id)
        stored = services.storage.put(f"{job_id}/1/best.safetensors", content)
        told: dict[str, Any] = {
            "epochs": [factories.epoch_row(1, val_accuracy=accuracy)],
            "best": factories.best(1, accuracy),
            "exact": True,
            "evaluations": [factories.evaluation("best")],
            "artifacts": [factories.artifact(path=stored.path, sha256=stored.sha256, bytes=stored.bytes)],
        }
        assert attempts.succeed(services.db, claim, **told)

    return finish
