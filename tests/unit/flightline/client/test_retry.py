"""Retries of requests to a service that is unavailable."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest

from flightline.client import retry
from flightline.client.retry import Outage, retry_read, retry_submission
from flightline.errors import NotReachable, Unavailable, api_error


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses so far, none of which is waited for."""
    pauses: list[float] = []
    monkeypatch.setattr("flightline.client.retry.time.sleep", pauses.append)
    return pauses


def unavailable(retry_after: float | None = None) -> Unavailable:
    """What a service without its database answers."""
    error = api_error(503, {"code": "database_unavailable"}, retry_after=retry_after)
    assert isinstance(error, Unavailable)
    return error


def test_an_outage_waits_as_long_as_the_service_says(slept: list[float]) -> None:
    """`Retry-After` decides, up to a bound; without it there is a short pause."""
    for error in (unavailable(2.0), unavailable(3600.0), unavailable(), NotReachable("Nobody.")):
        Outage().wait_or_raise(error)
    assert slept == [2.0, retry.LONGEST_PAUSE_SECONDS, retry.RETRY_SECONDS, retry.RETRY_SECONDS]


def test_an_outage_ends_and_is_reset(slept: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    """Only time without any answer counts; once there was too much of it the error is raised."""
    clock = iter([0.0, 59.0, 1000.0, 1059.0, 1060.0])
    monkeypatch.setattr("flightline.client.retry.time.monotonic", lambda: next(clock))
    outage = Outage()
    outage.wait_or_raise(unavailable())
    outage.wait_or_raise(unavailable())
    outage.reset()
    outage.wait_or_raise(unavailable())
    outage.wait_or_raise(unavailable())
    with pytest.raises(Unavailable):
        outage.wait_or_raise(unavailable())
    assert len(slept) == 4


def test_retry_read_returns_the_answer_that_comes_in_the_end(slept: list[float]) -> None:
    """A read is repeated until it has an answer; an error that is no outage passes through at once."""
    answers = iter([unavailable(), NotReachable("Nobody."), "there"])

    def read(name: str) -> str:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return f"{name} is {answer}"

    assert retry_read(read, "it") == "it is there"
    assert len(slept) == 2
    with pytest.raises(StopIteration):
        retry_read(read, "it")


@pytest.mark.parametrize(
    "ask", [retry_read, partial(retry_submission, has_answered=True)], ids=["reads", "submissions"]
)
def test_what_somebody_has_to_mend_is_not_waited_for(slept: list[float], ask: Callable[..., None]) -> None:
    """A database without tables, or on a full disk, refuses until somebody does what the message says."""
    problem = {"code": "database_unavailable", "retryable": False, "detail": "run `flightline migrate`"}
    asked = []

    def send() -> None:
        asked.append(1)
        raise api_error(503, problem, retry_after=2.0)

    with pytest.raises(Unavailable, match="flightline migrate"):
        ask(send)
    assert (len(asked), slept) == (1, [])
