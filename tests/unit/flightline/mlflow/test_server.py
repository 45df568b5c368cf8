"""Requests to an MLflow server: what its answers mean, who asks, what is tried again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from flightline.errors import NotReachable, TrackerError, UsageError
from flightline.mlflow.server import TRIES, Server

URL = "http://mlflow.test:5000"


def server(answer: Callable[[httpx.Request], httpx.Response], url: str = URL) -> Server:
    """A server that answers so."""
    return Server(url, httpx.MockTransport(answer))


@pytest.mark.parametrize("uri", ["sqlite:///mlflow.db", "./mlruns", "file:///tmp/mlruns", "databricks", ""])
def test_what_is_no_server_is_said(uri: str) -> None:
    """MLflow's own client takes databases and folders too: the message says what to do with them."""
    with pytest.raises(UsageError, match="mlflow server --backend-store-uri"):
        Server(uri)


def test_a_password_in_the_address_is_sent_and_not_shown() -> None:
    """As a service's own."""
    sent: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request.headers["Authorization"])
        return httpx.Response(401, text="no")

    with pytest.raises(TrackerError, match="MLFLOW_TRACKING_USERNAME") as refused:
        server(answer, "http://ada:secret@mlflow.test").experiments()
    assert sent == ["Basic YWRhOnNlY3JldA=="]
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    "variables, header",
    [
        ({"MLFLOW_TRACKING_USERNAME": "ada", "MLFLOW_TRACKING_PASSWORD": "secret"}, "Basic YWRhOnNlY3JldA=="),
        ({"MLFLOW_TRACKING_TOKEN": "abc"}, "Bearer abc"),
    ],
)
def test_the_variables_of_mlflows_client_are_read(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], header: str
) -> None:
    """Whoever has set them up for MLflow has set them up for this."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    sent: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request.headers["Authorization"])
        return httpx.Response(200, json={"experiments": []})

    assert server(answer).experiments() == []
    assert sent == [header]


@pytest.mark.parametrize(
    "response",
    [httpx.Response(200, text="<html>"), httpx.Response(404, text="nothing"), httpx.Response(200, json=[])],
)
def test_another_program_is_told_from_mlflow(response: httpx.Response) -> None:
    """Whatever it answers."""
    with pytest.raises(TrackerError, match=f"What answers at {URL} is no MLflow server"):
        server(lambda _request: response).experiments()


def test_mlflows_own_words_are_shown() -> None:
    """With its code for programs."""
    problem = {"error_code": "INVALID_PARAMETER_VALUE", "message": "Too long."}
    with pytest.raises(TrackerError, match="refused: Too long") as refused:
        server(lambda _request: httpx.Response(400, json=problem)).experiments()
    assert refused.value.tracker_code == "INVALID_PARAMETER_VALUE"


def test_a_broken_connection_is_tried_again() -> None:
    """But for a run that is created: there might be two of it."""
    requests: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        requests.append(request.url.path)
        raise httpx.ConnectError("refused")

    with pytest.raises(NotReachable, match=f"No MLflow server answers at {URL}: refused"):
        server(answer).experiments()
    assert len(requests) == TRIES
    requests.clear()
    with pytest.raises(NotReachable):
        server(answer).create_run({"experiment_id": "0"})
    assert len(requests) == 1


def test_every_page_is_read() -> None:
    """Of experiments, runs and histories alike."""

    def answer(request: httpx.Request) -> httpx.Response:
        if b"page_token" in request.content or "page_token" in request.url.params:
            return httpx.Response(200, json={"runs": [{"n": 2}], "metrics": [{"n": 2}]})
        return httpx.Response(200, json={"runs": [{"n": 1}], "metrics": [{"n": 1}], "next_page_token": "x"})

    assert [one["n"] for one in server(answer).runs("0")] == [1, 2]
    assert [one["n"] for one in server(answer).history("a", "loss")] == [1, 2]


def test_a_file_is_sent_to_servers_that_store_files(tmp_path: Path) -> None:
    """Where clients store them by themselves nothing is sent."""
    file = tmp_path / "best.safetensors"
    file.write_bytes(b"weights")
    sent: dict[str, bytes] = {}

    def answer(request: httpx.Request) -> httpx.Response:
        sent[request.url.path] = request.read()
        return httpx.Response(200, json={})

    assert server(answer).upload("mlflow-artifacts:/1/ab/artifacts", "best.safetensors", file)
    assert sent == {"/api/2.0/mlflow-artifacts/artifacts/1/ab/artifacts/best.safetensors": b"weights"}
    assert not server(answer).upload("s3://bucket/1/ab/artifacts", "best.safetensors", file)
    assert len(sent) == 1


def test_an_experiment_that_somebody_else_creates_is_taken() -> None:
    """Two exports at the same time write into one."""

    def answer(request: httpx.Request) -> httpx.Response:
        if request.method == "POST":
            return httpx.Response(400, json={"error_code": "RESOURCE_ALREADY_EXISTS", "message": "There is one."})
        return httpx.Response(200, json={"experiment": {"experiment_id": "7"}})

    assert server(answer).create_experiment("flightline") == "7"


@pytest.mark.parametrize("refusals", [0, 1, 2])
def test_what_somebody_else_writes_at_the_same_time_is_no_error(refusals: int) -> None:
    """MLflow's database has it once, and refuses the other with what its driver says; a second refusal is meant."""
    asked: list[bytes] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.content)
        refusal = {"error_code": "BAD_REQUEST", "message": "(sqlite3.IntegrityError) UNIQUE constraint failed"}
        return httpx.Response(400, json=refusal) if len(asked) <= refusals else httpx.Response(200, json={})

    if refusals == 2:
        with pytest.raises(TrackerError, match="UNIQUE"):
            server(answer).log("1", params=[{"key": "a", "value": "b"}])
    else:
        server(answer).log("1", params=[{"key": "a", "value": "b"}])
    assert asked == asked[:1] * min(refusals + 1, 2)
