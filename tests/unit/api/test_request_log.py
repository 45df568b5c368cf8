"""Each request has an id, which its answer, its log lines and the jobs that it submits name."""

from __future__ import annotations

import logging

import pytest
from flask import Flask
from flask.testing import FlaskClient

from api.http import errors, request_log
from api.http.metrics.requests import RequestFigures
from shared.telemetry import origin


@pytest.fixture
def client() -> FlaskClient:
    """An app that tells the request that it works for, and fails on demand."""
    app = Flask("api")
    request_log.register(app, RequestFigures())
    errors.register(app)

    @app.route("/origin", methods=["GET", "POST"])
    def tell() -> str:
        return origin.current().request or ""

    @app.get("/fail")
    def fail() -> str:
        raise ZeroDivisionError

    return app.test_client()


def test_an_id_that_was_sent_is_kept(client: FlaskClient) -> None:
    """The proxy's or the client's: both then find the request in their logs and ours."""
    answer = client.get("/origin", headers={"X-Request-ID": "Root=1-67891233-abcdef0"})

    assert answer.headers["X-Request-ID"] == answer.text == "Root=1-67891233-abcdef0"


@pytest.mark.parametrize("sent", ["", "with space", "a" * 129, "ümlaut", "<script>"])
def test_what_is_no_id_is_replaced(client: FlaskClient, sent: str) -> None:
    """Nobody writes what they like into the log, or a page of it into each line."""
    answer = client.get("/origin", headers={"X-Request-ID": sent.encode().decode("latin-1")})

    assert len(answer.text) == 32
    assert answer.headers["X-Request-ID"] == answer.text


def test_ids_differ_and_end_with_their_requests(client: FlaskClient) -> None:
    """The next request of the same thread has its own, and work outside of requests none."""
    assert client.get("/origin").text != client.get("/origin").text
    assert origin.current() == origin.NOWHERE


def test_a_problem_has_the_id(client: FlaskClient) -> None:
    """A fault of the server's as well, beside the id under which its traceback is logged."""
    for path in ("/nowhere", "/fail"):
        answer = client.get(path, headers={"X-Request-ID": "x"})
        assert answer.json is not None
        assert answer.json["request_id"] == "x"


def test_changes_are_logged_and_reads_only_at_debug(client: FlaskClient, caplog: pytest.LogCaptureFixture) -> None:
    """A line for each read would be a hundred a second beside a dashboard."""
    with caplog.at_level(logging.INFO):
        client.get("/origin")
        client.post("/origin")
    [record] = [one for one in caplog.records if one.message == "answered"]
    found = vars(record)

    assert (found["method"], found["path"], found["status"]) == ("POST", "/origin", 200)
    with caplog.at_level(logging.DEBUG):
        client.get("/origin")
    assert sum(one.message == "answered" for one in caplog.records) == 2
