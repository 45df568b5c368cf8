"""Retries of requests to a service that is unavailable."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

import pytest

from flightline.client import retry
from flightline.client.blocking import run
from flightline.client.retry import Outage, retry_read, retry_submission
from flightline.errors import NotReachable, Unavailable, api_error
from tests.support.coroutines import Pauses


@pytest.fixture
def slept() -> Pauses:
    """The pauses so far."""
    return Pauses()


def unavailable(retry_after: float | None = None) -> Unavailable:
    """What a service without its database answers."""
    error = api_error(503, {"code": "database_unavailable"}, retry_after=retry_after)
    assert isinstance(error, Unavailable)
    return error


def test_an_outage_waits_as_long_as_the_service_says(slept: Pauses) -> None:
    """`Retry-After` decides, up to a bound; without it there is a short pause."""
    for error in (unavailable(2.0), unavailable(3600.0), unavailable(), NotReachable("Nobody.")):
        run(Outage(slept.sleep).wait_or_raise(error))
    assert slept == [2.0, retry.LONGEST_PAUSE_SECONDS, retry.RETRY_SECONDS, retry.RETRY_SECONDS]


def test_an_outage_ends_and_is_reset(slept: Pauses, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only time without any answer counts; once there was too much of it the error is raised."""
    clock = iter([0.0, 59.0, 1000.0, 1059.0, 1060.0])
    monkeypatch.setattr("flightline.client.retry.time.monotonic", lambda: next(clock))
    outage = Outage(slept.sleep)
    run(outage.wait_or_raise(unavailable()))
    run(outage.wait_or_raise(unavailable()))
    outage.reset()
    run(outage.wait_or_raise(unavailable()))
    run(outage.wait_or_raise(unavailable()))
    with pytest.raises(Unavailable):
        run(outage.wait_or_raise(unavailable()))
    assert len(slept) == 4


def test_retry_read_returns_the_answer_that_comes_in_the_end(slept: Pauses) -> None:
    """A read is repeated until it has an answer; an error that is no outage passes through at once."""
    answers = iter([unavailable(), NotReachable("Nobody."), "there"])

    async def read(name: str) -> str:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return f"{name} is {answer}"

    assert run(retry_read(slept.sleep, read, "it")) == "it is there"
    assert len(slept) == 2
    with pytest.raises(RuntimeError, match="StopIteration"):
        run(retry_read(slept.sleep, read, "it"))


@pytest.mark.parametrize(
    "ask", [retry_read, partial(retry_submission, has_answered=True)], ids=["reads", "submissions"]
)
def test_what_somebody_has_to_mend_is_not_waited_for(
    slept: Pauses, ask: Callable[..., Coroutine[Any, Any, None]]
) -> None:
    """A database without tables, or on a full disk, refuses until somebody does what the message says."""
    problem = {"code": "database_unavailable", "retryable": False, "detail": "run `flightline migrate`"}
    asked = []

    async def send() -> None:
        asked.append(1)
        raise api_error(503, problem, retry_after=2.0)

    with pytest.raises(Unavailable, match="flightline migrate"):
        run(ask(slept.sleep, send))
    assert (len(asked), slept) == (1, [])
