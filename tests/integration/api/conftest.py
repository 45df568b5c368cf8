"""The application on a migrated SQLite file and a real Redis; its test client holds every answer to the description."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

import migrations
from api.app import ROUTES, create_app
from api.errors import Problem
from api.openapi import errors_of
from api.services import Services
from flightline import redis_server
from shared import attempts
from shared.db import Database
from shared.settings import Settings

OPERATIONS = {operation.name: operation for routes in ROUTES for operation in routes.operations}
EPOCH = {
    "train_loss": 0.5,
    "train_accuracy": 0.75,
    "last_batch_loss": 0.4,
    "val_loss": 0.6,
    "lr": 0.01,
    "seconds": 1.5,
    "samples_per_second": 6666.0,
}
CLAIMANT = attempts.Claimant("host:cpu:1", "cpu", "cpu")


class CheckedClient(FlaskClient):
    """Fails where an answer has a status that is not documented, or a body unlike the documented one."""

    def open(self, *args: Any, **kwargs: Any) -> TestResponse:
        """Send the request and check its answer."""
        response = super().open(*args, **kwargs)
        rule = response.request.environ.get("werkzeug.request")
        endpoint = getattr(rule, "endpoint", None)
        if endpoint in OPERATIONS:
            self._check(endpoint, response)
        return response

    def _check(self, name: str, response: TestResponse) -> None:
        operation = OPERATIONS[name]
        if response.status_code >= 400:
            assert response.status_code in {error.http_status for error in errors_of(operation)} | {405}, response.text
            assert response.mimetype == "application/problem+json"
            Problem.model_validate_json(response.data)
        elif response.request.method == operation.method:
            answer = operation.answers[response.status_code]
            if isinstance(answer, type):
                answer.model_validate_json(response.data)
            elif answer is None:
                assert response.data == b""


class Json(Protocol):
    """Sends a request and gives the JSON of its answer."""

    def __call__(self, path: str, status: int = 200) -> dict[str, Any]: ...


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """A real Redis of this test run's own."""
    home = Path(tempfile.mkdtemp(prefix="fl-"))
    redis_server.prepare(home)
    command = redis_server.server_command(redis_server.find_server(), home)
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as server:
        path = redis_server.socket_path(home)
        while not redis_server.answers(path):
            assert server.poll() is None
            time.sleep(0.01)
        yield redis_server.socket_url(path)
        server.terminate()
    shutil.rmtree(home)


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty, migrated SQLite database, for copying."""
    path = tmp_path_factory.mktemp("database") / "flightline.db"
    db = Database(f"sqlite:///{path}")
    migrations.upgrade(db)
    db.dispose()
    return path


@pytest.fixture
def settings(tmp_path: Path, redis_url: str, migrated_file: Path) -> Settings:
    """Settings of a home whose database is migrated."""
    shutil.copy(migrated_file, tmp_path / "flightline.db")
    return Settings(home=tmp_path, redis_url=redis_url, max_body_bytes=20_000)  # type: ignore[arg-type]


@pytest.fixture
def services(settings: Settings) -> Iterator[Services]:
    """The real parts, closed at the end."""
    services = Services.build(settings)
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
def get(client: FlaskClient) -> Json:
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
def run(services: Services) -> Callable[..., attempts.Claim]:
    """Claim a job as a worker does and record epochs with these validation accuracies."""

    def run(job_id: str, *accuracies: float) -> attempts.Claim:
        claim = attempts.claim(services.db, job_id, CLAIMANT, lease_seconds=60)
        assert claim is not None
        rows = [{**EPOCH, "epoch": n, "val_accuracy": value} for n, value in enumerate(accuracies, start=1)]
        best = {"best_val_accuracy": max(accuracies, default=None), "best_epoch": 1 if accuracies else None}
        assert attempts.record_epochs(services.db, claim, rows, best)
        return claim

    return run


@pytest.fixture
def finish(services: Services, run: Callable[..., attempts.Claim]) -> Callable[..., attempts.Claim]:
    """Run a job to its success with one epoch, an evaluation and an artifact."""

    def finish(job_id: str, accuracy: float = 0.7, content: bytes = b"weights") -> attempts.Claim:
        claim = run(job_id, accuracy)
        stored = services.storage.put(f"{job_id}/1/best.safetensors", content)
        figures = {"precision": 0.5, "recall": 0.5, "f1": 0.5, "support": 1000}
        evaluation = {
            "weights": "best",
            "epoch": 1,
            "accuracy": accuracy,
            "loss": 0.6,
            "classes": ["airplane", "bird"],
            "confusion_matrix": [[700, 300], [300, 700]],
            "per_class": [figures, figures],
        }
        artifact = {"name": "best.safetensors", "path": stored.path, "sha256": stored.sha256, "bytes": stored.bytes}
        assert attempts.succeed(services.db, claim, epochs=(), best={}, evaluations=[evaluation], artifacts=[artifact])
        return claim

    return finish
