"""Logs and traces from end to end: one request, the job that it submits, each of the job's epochs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.collector import Collector, collecting
from tests.support.stacks import TINY, Stack, until

CALLER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
"""The trace context of a caller that traces too."""


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    """A collector of the module's own."""
    with collecting() as collector:
        yield collector


@pytest.fixture(scope="module")
def stack(collector: Collector, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack that logs as JSON and sends its spans to the collector."""
    home = tmp_path_factory.mktemp("traces") / "home"
    with closing(Stack(home, **collector.environment, FLIGHTLINE_LOG_FORMAT="json")) as stack:
        yield stack


@pytest.fixture(scope="module")
def job_id(stack: Stack) -> str:
    """A finished job, submitted by a request with an id and a trace of the caller's."""
    headers = {"X-Request-ID": "from-the-proxy-7", "traceparent": CALLER}
    answer = httpx.post(f"{stack.ready['url']}/v1/jobs", json=TINY, headers=headers)
    assert answer.headers["X-Request-ID"] == "from-the-proxy-7"
    job_id: str = answer.json()["id"]
    assert stack.client.wait(job_id).succeeded
    return job_id


def events(home: Path) -> list[dict[str, Any]]:
    """Every line that the API and the worker have logged: all of them must be events."""
    lines = [
        (path.stem, line)
        for path in (home / "logs").glob("*.log")
        if path.stem != "redis"
        for line in path.read_text().splitlines()
    ]
    return [json.loads(line) | {"program": program} for program, line in lines]


def test_one_trace_from_the_request_to_each_epoch(collector: Collector, job_id: str) -> None:
    """The caller's own trace goes on through the API and the queue into the worker."""
    others = ("POST /v1/jobs", "queued", "attempt")  # the API and the worker send theirs each by itself
    until(lambda: len(collector.named("epoch")) == 2 and all(map(collector.named, others)))
    [request] = collector.named("POST /v1/jobs")
    [queued], [attempt] = collector.named("queued"), collector.named("attempt")
    epochs = collector.named("epoch")
    parts = [*epochs, *collector.named("load images"), *collector.named("store results")]

    assert {span.trace for span in (request, queued, attempt, *parts)} == {CALLER.split("-")[1]}
    assert request.parent == CALLER.split("-")[2]
    assert queued.parent == attempt.parent == request.id
    assert {part.parent for part in parts} == {attempt.id}
    assert len(parts) == 4
    assert (request.service, attempt.service) == ("flightline-api", "flightline-worker")
    assert (request.kind, attempt.kind) == ("server", "consumer")
    assert [span.attributes["flightline.epoch"] for span in epochs] == [1, 2]
    assert all(span.seconds > 0 for span in epochs)
    assert attempt.attributes["flightline.job"] == job_id
    assert attempt.attributes["flightline.outcome"] == "succeeded"
    assert attempt.attributes["flightline.request"] == "from-the-proxy-7"
    assert request.attributes["http.response.status_code"] == 201
    assert not any(span.failed for span in collector.spans)


def test_what_is_asked_all_the_time_is_not_traced(collector: Collector, stack: Stack) -> None:
    """Health checks and scrapes would fill the traces."""
    httpx.get(f"{stack.ready['url']}/metrics")
    httpx.get(f"{stack.ready['url']}/nowhere")
    until(lambda: collector.named("GET unknown"))

    assert not [span for span in collector.spans if "metrics" in span.name or "healthz" in span.name]


def test_one_request_is_found_in_every_log(stack: Stack, job_id: str) -> None:
    """By its id, from the API to the attempt in the worker."""
    ours = [event for event in events(stack.home) if event.get("request") == "from-the-proxy-7"]
    [answered] = [event for event in ours if event["event"] == "answered"]
    [claimed] = [event for event in ours if event["event"] == "claimed"]

    assert (answered["program"], answered["status"]) == ("api", 201)
    assert answered["location"] == f"/v1/jobs/{job_id}"
    assert (claimed["program"], claimed["job"], claimed["attempt"]) == ("worker-cpu-0", job_id, 1)
    assert claimed["worker"] == stack.ready["workers"][0]["id"]


def test_every_line_has_one_format(stack: Stack, job_id: str) -> None:
    """gunicorn's and Celery's lines too."""
    found = events(stack.home)

    assert {"time", "level", "event", "logger", "pid", "program"} <= set.intersection(*map(set, found))
    assert {"gunicorn.error", "worker.run_job.task"} <= {event["logger"] for event in found}


def test_a_problem_names_the_request(stack: Stack) -> None:
    """In its header and in its body, so that whoever reports it can say which it was."""
    answer = httpx.get(f"{stack.ready['url']}/v1/jobs/{'0' * 36}")

    assert answer.status_code == 404
    assert answer.json()["request_id"] == answer.headers["X-Request-ID"]
