"""What the application is, without a database or a queue behind it."""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from api.app import create_app
from shared.settings import Settings


@pytest.fixture
def app(tmp_path: Path) -> Flask:
    """An application whose database has no tables and whose Redis is not there."""
    redis_url = f"unix://{tmp_path}/nowhere.sock"
    return create_app(Settings.model_validate({"home": tmp_path, "redis_url": redis_url, "max_body_bytes": 1000}))


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """A client of it."""
    return app.test_client()


def test_the_api_never_loads_torch_or_the_workers(tmp_path: Path) -> None:
    """Importing and building it in a fresh process leaves them out, and opens nothing."""
    script = (
        "import sys, api.app; api.app.create_app();"
        "print([name for name in sys.modules if name.split('.')[0] in ('torch', 'torchvision', 'worker', 'numpy')])"
    )
    environment = {**os.environ, "FLIGHTLINE_HOME": str(tmp_path / "home")}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, env=environment)

    assert done.stdout.strip() == "[]"
    assert not (tmp_path / "home").exists()


def test_the_process_is_up_whatever_else_is_down(client: FlaskClient) -> None:
    """Health asks nobody."""
    assert client.get("/healthz").json == {"status": "ok"}


def test_readiness_names_everything_that_is_missing(client: FlaskClient) -> None:
    """503 with both reasons; that one of them lasts until somebody acts is said as everywhere."""
    response = client.get("/readyz")

    assert response.status_code == 503
    assert response.json is not None
    assert response.json["code"] == "not_ready"
    assert "flightline migrate" in response.json["detail"]
    assert "Redis" in response.json["detail"]
    assert response.json["retryable"] is False
    assert "Retry-After" not in response.headers


@pytest.mark.parametrize(
    "call",
    ["GET /v1/jobs", "POST /v1/jobs", "GET /v1/workers", "GET /v1/queues", "GET /v1/datasets"],
)
def test_without_a_database_the_answer_is_503(client: FlaskClient, call: str) -> None:
    """Nothing half done, and no word of trying again: the tables have to be made first."""
    method, path = call.split()
    response = client.open(path, method=method, json={"preset": "notebook-linear"} if method == "POST" else None)

    assert response.status_code == 503
    assert response.json is not None
    assert response.json["code"] == "database_unavailable"
    assert response.json["retryable"] is False
    assert "Retry-After" not in response.headers


@pytest.mark.parametrize(
    "media_type",
    [None, "", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "application/jsonp", "json"],
)
def test_a_body_that_is_not_declared_as_json_is_415(client: FlaskClient, media_type: str | None) -> None:
    """The message says which header to send."""
    response = client.post("/v1/jobs", data=b'{"preset": "notebook-linear"}', content_type=media_type)

    assert response.status_code == 415
    assert response.json is not None
    assert response.json["code"] == "unsupported_media_type"
    assert "application/json" in response.json["detail"]


@pytest.mark.parametrize("encoding", ["gzip", "GZIP, identity", "br"])
def test_a_compressed_body_is_415(client: FlaskClient, encoding: str) -> None:
    """A body that is not what it would be read as is refused by that name, not as broken JSON."""
    body = gzip.compress(b'{"preset": "notebook-linear"}')
    headers = {"Content-Encoding": encoding}
    response = client.post("/v1/jobs", data=body, content_type="application/json", headers=headers)

    assert response.status_code == 415
    assert response.json is not None
    assert encoding in response.json["detail"]


@pytest.mark.parametrize("media_type", ["application/json", "application/json; charset=utf-8", "Application/JSON"])
def test_json_may_be_declared_with_a_charset(client: FlaskClient, media_type: str) -> None:
    """What is declared as JSON is read."""
    response = client.post("/v1/jobs", data=b"{", content_type=media_type)

    assert response.status_code == 422
    assert response.json is not None
    assert response.json["code"] == "malformed_json"


def test_a_body_that_says_it_is_too_large_is_not_read(client: FlaskClient) -> None:
    """413 by Content-Length alone."""
    body = {"wsgi.input": Untouchable(), "CONTENT_LENGTH": "50000000"}
    response = client.post("/v1/jobs", content_type="application/json", environ_overrides=body)

    assert response.status_code == 413
    assert response.json is not None
    assert response.json["code"] == "payload_too_large"
    assert "1000 bytes" in response.json["detail"]


class Untouchable:
    """A body that must not be read."""

    def read(self, _size: int = -1) -> bytes:
        raise AssertionError

    readline = readlines = readinto = read


def test_addresses_have_one_spelling(client: FlaskClient) -> None:
    """A doubled or trailing slash is an unknown address, not a redirect that drops a body."""
    assert client.get("/v1//jobs").status_code == 404
    assert client.post("/v1/jobs/").status_code == 404
