"""Submitting over a connection that loses answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from flightline import Client, Conflict, FlightlineError, NotReachable, Unavailable
from flightline.client import retry
from flightline.errors import AnswerLost, UsageError
from tests.support.http_service import FakeService

JOB = FakeService().add(name="mine")
LOST = httpx.ReadError("Connection reset by peer")
SLOW = httpx.ReadTimeout("timed out")
NOBODY = httpx.ConnectError("Connection refused")


def refused(status: int, code: str) -> httpx.Response:
    """A problem document."""
    return httpx.Response(status, json={"code": code, "detail": "Not now.", "errors": []})


DOWN = refused(503, "database_unavailable")
IN_PROGRESS = refused(409, "idempotency_key_in_use")
CREATED = httpx.Response(201, json=JOB)
Answer = httpx.Response | Exception


class Answers:
    """A service that gives these answers, one after another."""

    def __init__(self, *answers: Answer) -> None:
        self.requests: list[httpx.Request] = []
        self._answers = iter(answers)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Answer one request."""
        self.requests.append(request)
        answer = next(self._answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    @property
    def keys(self) -> list[str]:
        """The key of each request so far."""
        return [request.headers["Idempotency-Key"] for request in self.requests]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """No pause between two tries."""
    monkeypatch.setattr("flightline.client.retry.time.sleep", lambda _: None)


Make = Callable[..., tuple[Client, Answers]]


@pytest.fixture
def make() -> Make:
    """Makes a client of a service that gives these answers."""

    def make(*answers: Answer) -> tuple[Client, Answers]:
        service = Answers(*answers)
        return Client("http://service", transport=httpx.MockTransport(service)), service

    return make


@pytest.mark.parametrize(
    "before", [[LOST], [SLOW, LOST], [LOST, NOBODY], [DOWN], [refused(502, "x"), NOBODY, DOWN], [LOST, IN_PROGRESS]]
)
def test_a_doubtful_submission_is_sent_again_under_its_key(make: Make, before: list[Answer]) -> None:
    """Nobody knows whether it arrived; the same key and body let the service tell."""
    client, service = make(*before, CREATED)

    assert client.submit("notebook-linear").name == "mine"

    assert len(service.requests) == len(before) + 1
    assert len(set(service.keys)) == 1
    assert len({request.content for request in service.requests}) == 1


@pytest.mark.parametrize(
    "answer, kind",
    [(NOBODY, NotReachable), (refused(422, "invalid_spec"), FlightlineError), (IN_PROGRESS, FlightlineError)],
)
def test_a_plain_no_is_taken_at_once(make: Make, answer: Answer, kind: type[Exception]) -> None:
    """A service that is not there, or says no, is not asked again."""
    client, service = make(answer)

    with pytest.raises(kind):
        client.submit("notebook-linear")
    assert len(service.requests) == 1


@pytest.mark.parametrize("before", [[NOBODY], [NOBODY, LOST, NOBODY]])
def test_a_service_that_was_there_is_waited_for(make: Make, before: list[Answer]) -> None:
    """A refused connection then means that it is restarted; nothing has arrived yet."""
    client, service = make(CREATED, *before, CREATED)
    client.job("x")

    assert client.submit("notebook-linear").name == "mine"

    assert len(service.requests) == len(before) + 2


def test_a_key_in_use_is_no_restart(make: Make) -> None:
    """Whoever else submits under that key is not waited for, by a client that knows the service either."""
    client, service = make(CREATED, IN_PROGRESS)
    client.job("x")

    with pytest.raises(Conflict):
        client.submit("notebook-linear", idempotency_key="mine")
    assert len(service.requests) == 2


@pytest.mark.parametrize("before", [[LOST], [DOWN, NOBODY], [LOST, IN_PROGRESS]])
def test_a_doubtful_retry_is_sent_again_under_its_key(make: Make, before: list[Answer]) -> None:
    """A retry makes a job as well."""
    client, service = make(*before, CREATED, CREATED)

    assert client.retry("x").name == "mine"
    client.retry("x", idempotency_key="mine")

    *first, other = service.keys
    assert (len(first), len(set(first)), other) == (len(before) + 1, 1, "mine")


@pytest.mark.parametrize("key", ["", "two words", "ü", "x" * 256, 5, b"mine"])
def test_a_key_that_is_none_is_refused(make: Make, key: Any) -> None:
    """Before anything is sent, in words about the key."""
    client, service = make()

    for send in (client.submit, client.retry):
        with pytest.raises(UsageError, match="An idempotency_key is text of 1 to 255 ASCII characters without spaces"):
            send("notebook-linear", idempotency_key=key)
    assert service.requests == []


@pytest.mark.parametrize("spec", [None, 5, ["notebook-linear"]])
def test_what_is_no_job_is_refused(make: Make, spec: Any) -> None:
    """Before anything is sent, in words about the job."""
    client, _ = make()

    for send in (client.submit, client.check):
        with pytest.raises(UsageError, match=r"A job is an object .* or a preset's name, not"):
            send(spec)


@pytest.mark.parametrize("answer, kind", [(LOST, AnswerLost), (DOWN, Unavailable)])
def test_patience_ends(make: Make, monkeypatch: pytest.MonkeyPatch, answer: Answer, kind: type[Exception]) -> None:
    """After some seconds of this the error is raised."""
    clock = iter([0.0, 14.9, 15.0])
    monkeypatch.setattr("flightline.client.retry.time.monotonic", lambda: next(clock))
    client, service = make(answer, answer, answer)

    with pytest.raises(kind):
        client.submit("notebook-linear")
    assert (len(service.requests), retry.SUBMISSION_SECONDS) == (3, 15.0)


def test_each_submission_has_a_key_of_its_own(make: Make) -> None:
    """Two calls are two jobs, unless the caller gives both one key."""
    client, service = make(*[CREATED] * 4)
    for key in (None, None, "mine", "mine"):
        client.submit("notebook-linear", idempotency_key=key)

    assert len(set(service.keys[:2])) == 2
    assert service.keys[2:] == ["mine", "mine"]
    assert all(b"idempotency" not in request.content for request in service.requests)
