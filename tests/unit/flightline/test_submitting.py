"""Submitting over a connection that loses answers."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest

from flightline import Client, FlightlineError, NotReachable, Unavailable, patience
from flightline.errors import AnswerLost
from tests.http_service import FakeService

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
    monkeypatch.setattr("flightline.patience.time.sleep", lambda _: None)


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


@pytest.mark.parametrize("answer, kind", [(LOST, AnswerLost), (DOWN, Unavailable)])
def test_patience_ends(make: Make, monkeypatch: pytest.MonkeyPatch, answer: Answer, kind: type[Exception]) -> None:
    """After some seconds of this the error is raised."""
    clock = iter([0.0, 14.9, 15.0])
    monkeypatch.setattr("flightline.patience.time.monotonic", lambda: next(clock))
    client, service = make(answer, answer, answer)

    with pytest.raises(kind):
        client.submit("notebook-linear")
    assert (len(service.requests), patience.SENDING_SECONDS) == (3, 15.0)


def test_each_submission_has_a_key_of_its_own(make: Make) -> None:
    """Two calls are two jobs, unless the caller gives both one key."""
    client, service = make(*[CREATED] * 4)
    for key in (None, None, "mine", "mine"):
        client.submit("notebook-linear", idempotency_key=key)

    assert len(set(service.keys[:2])) == 2
    assert service.keys[2:] == ["mine", "mine"]
    assert all(b"idempotency" not in request.content for request in service.requests)
