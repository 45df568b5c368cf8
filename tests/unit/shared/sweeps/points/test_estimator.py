"""The process that Optuna answers in: started once, replaced when it has ended, never shared with a fork."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from shared.errors import SuggestionFailed
from shared.sweeps.points import estimator as estimators
from shared.sweeps.points.estimator import Estimator

QUESTION: dict[str, Any] = {
    "space": {"a.float": {"kind": "float", "low": 0.0, "high": 1.0}},
    "seed": 0,
    "history": [{"params": {"a.float": number / 10}, "rung": 0, "loss": number} for number in range(10)],
    "number": 12,
}


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[subprocess.Popen[bytes]]]:
    """The processes that are started, ended after the test."""
    made: list[subprocess.Popen[bytes]] = []

    class Noted(subprocess.Popen[bytes]):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            made.append(self)

    monkeypatch.setattr(subprocess, "Popen", Noted)
    yield made
    for child in made:
        child.kill()
        child.communicate()


def test_one_process_answers_every_question(started: list[subprocess.Popen[bytes]]) -> None:
    """Optuna is loaded once, and the same question has the same answer."""
    estimator = Estimator()
    assert len({str(estimator.ask(QUESTION)) for _ in range(3)}) == 1
    assert len(started) == 1


def test_a_process_that_has_ended_is_replaced(started: list[subprocess.Popen[bytes]]) -> None:
    """Whoever asks does not notice, whether it ended by itself or was killed."""
    estimator = Estimator()
    before = estimator.ask(QUESTION)
    started[0].kill()
    assert estimator.ask(QUESTION) == before
    assert [child.poll() for child in started] == [-9, None]


def test_a_process_that_fails_on_a_question_answers_no_other(started: list[subprocess.Popen[bytes]]) -> None:
    """Its error is told, nothing of it is left, and the next question has its answer."""
    estimator = Estimator()
    before = estimator.ask(QUESTION)
    with pytest.raises(SuggestionFailed, match=r"a\.float"):
        estimator.ask(QUESTION | {"history": [{"params": {}, "rung": 0, "loss": 1.0}]})
    assert estimator.ask(QUESTION) == before
    assert all(child.returncode is not None for child in started[:-1])


def test_an_answer_that_takes_too_long_is_given_up(
    started: list[subprocess.Popen[bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process is killed."""
    monkeypatch.setattr(estimators, "TIMEOUT_SECONDS", 0.01)
    with pytest.raises(SuggestionFailed, match="-9"):
        Estimator().ask(QUESTION)
    assert [child.returncode for child in started] == [-9]


def test_a_fork_has_a_process_of_its_own(started: list[subprocess.Popen[bytes]]) -> None:
    """The one that its parent had started goes on, and the fork reads none of its answers."""
    parent = Estimator()
    before = parent.ask(QUESTION)
    reader, writer = os.pipe()
    fork = os.fork()
    if not fork:
        parent.forget()
        os.write(writer, str(parent.ask(QUESTION)).encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as answer:
        assert answer.read() == str(before)
    assert os.waitpid(fork, 0)[1] == 0
    assert parent.ask(QUESTION) == before
    assert len(started) == 1


def test_a_process_ends_by_itself_when_nothing_is_asked() -> None:
    """It takes no memory while no sweep asks."""
    program = "from shared.sweeps.points import tpe; tpe.IDLE_SECONDS = 0.01; tpe.main()"
    with subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE) as child:
        assert child.wait() == 0
