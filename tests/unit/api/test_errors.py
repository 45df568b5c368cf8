"""Every error is one problem+json, whatever raised it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from api.app import create_app  # with every route, and so every error
from api.http import errors, security
from shared.errors import (
    ConfigurationError,
    DatabaseUnavailable,
    DatabaseUnusable,
    FieldError,
    FlightlineError,
    IllegalTransition,
    InvalidSpec,
    JobNotFound,
)
from shared.settings import Settings

TOKEN = f"fl_{'a' * 43}"
RAISED: dict[str, Exception] = {
    "invalid_spec": InvalidSpec("It cannot be trained.", (FieldError("/architecture", "is missing"),)),
    "job_not_found": JobNotFound("x"),
    "illegal_transition": IllegalTransition("It has already succeeded."),
    "database_unavailable": DatabaseUnavailable("It does not answer."),
}


LASTING: dict[str, Exception] = {
    "unusable": DatabaseUnusable("It has no tables."),
}


@pytest.fixture
def client() -> FlaskClient:
    """An app whose endpoints only fail."""
    app = Flask("api")
    errors.register(app)
    security.register(app, Settings())

    @app.get("/raise/<name>")
    def fail(name: str) -> str:
        raise (RAISED | LASTING).get(name, ZeroDivisionError("a secret"))

    @app.get("/misconfigured")
    def misconfigured() -> str:
        raise ConfigurationError("a secret")

    return app.test_client()


@pytest.mark.parametrize("code", RAISED)
def test_our_own_errors_keep_code_and_status(client: FlaskClient, code: str) -> None:
    """The answer says what the error's class says, with the status that the table has for it."""
    error = RAISED[code]
    assert isinstance(error, FlightlineError)

    response = client.get(f"/raise/{code}")

    assert response.status_code == errors.status_of(error)
    assert response.mimetype == "application/problem+json"
    assert response.json == {
        "type": "about:blank",
        "title": HTTPStatus(errors.status_of(error)).phrase,
        "status": errors.status_of(error),
        "code": code,
        "detail": error.detail,
        "errors": [{"pointer": one.pointer, "detail": one.detail} for one in error.errors],
        **({"jobs": ["x"]} if isinstance(error, JobNotFound) else {}),
    }


def every_error(kind: type[FlightlineError] = FlightlineError) -> Iterator[type[FlightlineError]]:
    """Each error that the API's process knows."""
    yield kind
    for one in kind.__subclasses__():
        yield from every_error(one)


def test_every_error_has_a_status() -> None:
    """A new one is not answered as a fault of the server because its status was forgotten; none is left over."""
    ours = {one.code for one in every_error() if one.__module__.startswith(("shared.", "api."))}

    assert ours == set(errors.STATUSES)


def test_what_may_work_later_says_when(client: FlaskClient) -> None:
    """A 503 carries Retry-After."""
    assert client.get("/raise/database_unavailable").headers["Retry-After"] == "2"


def test_what_lasts_until_somebody_acts_does_not_ask_for_a_retry(client: FlaskClient) -> None:
    """A 503 that says `retryable: false` carries no Retry-After, which would say the opposite."""
    response = client.get("/raise/unusable")

    assert (response.status_code, (response.json or {})["retryable"]) == (503, False)
    assert "Retry-After" not in response.headers


@pytest.mark.parametrize("path", ["/raise/anything", "/misconfigured"])
def test_a_fault_of_ours_is_logged_and_not_told(
    client: FlaskClient, path: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The client gets an id, the log the reason under that id."""
    with caplog.at_level(logging.ERROR):
        response = client.get(path)

    assert response.status_code == 500
    assert response.json is not None
    assert response.json["code"] == "internal_error"
    assert "secret" not in response.text
    record = next(one for one in caplog.records if one.message == "request_failed")
    assert vars(record)["instance"] == response.json["instance"]
    assert "secret" in (record.exc_text or "")


def test_an_unknown_address_is_a_problem(client: FlaskClient) -> None:
    """404 of the router looks like any other error."""
    response = client.get("/nowhere")

    assert response.status_code == 404
    assert response.mimetype == "application/problem+json"
    assert response.json is not None
    assert response.json["code"] == "not_found"
    assert "/nowhere" in response.json["detail"]


def test_a_wrong_method_says_which_are_right(client: FlaskClient) -> None:
    """405 carries Allow."""
    response = client.post("/misconfigured")

    assert response.status_code == 405
    assert response.json is not None
    assert response.json["code"] == "method_not_allowed"
    assert set(response.headers["Allow"].split(", ")) == {"GET", "HEAD", "OPTIONS"}


def test_every_answer_has_the_security_headers(client: FlaskClient) -> None:
    """Errors too: a browser never guesses, never frames, never loads from elsewhere."""
    headers = client.get("/nowhere").headers

    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert "default-src 'self'" in headers["Content-Security-Policy"]
    assert "unsafe" not in headers["Content-Security-Policy"]


def test_another_sites_page_changes_nothing(client: FlaskClient) -> None:
    """A POST that a browser marks as cross-site is refused; reading and one's own pages are not."""
    refused = client.post("/misconfigured", headers={"Sec-Fetch-Site": "cross-site"})

    assert refused.status_code == 403
    assert refused.json is not None
    assert refused.json["code"] == "forbidden"
    assert client.get("/nowhere", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 404
    assert client.post("/misconfigured", headers={"Sec-Fetch-Site": "same-origin"}).status_code == 405


@pytest.mark.parametrize(
    "path", [f"/v1/{TOKEN}", f"/v1/jobs/{TOKEN}/x", f"/v1/jobs?{TOKEN}=1", f"/v1/jobs?status={TOKEN}"]
)
def test_a_token_where_none_belongs_is_not_repeated(tmp_path: Path, path: str) -> None:
    """A refused request may have it in its path, or as a parameter."""
    client = create_app(Settings.model_validate({"home": tmp_path, "redis_url": "unix:///nowhere.sock"})).test_client()
    refused = client.get(path)
    assert refused.status_code in {404, 422}
    assert TOKEN not in refused.text


def test_a_token_in_place_of_a_job_is_not_repeated() -> None:
    """Neither in words, nor among the jobs that there are none of."""
    app = Flask("api")
    errors.register(app)

    @app.get("/")
    def fail() -> str:
        raise JobNotFound(TOKEN, "x")

    refused = app.test_client().get("/")
    assert refused.status_code == 404
    assert TOKEN not in refused.text
    assert refused.get_json()["jobs"] == ["fl_***", "x"]
