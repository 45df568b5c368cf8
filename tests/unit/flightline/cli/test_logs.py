"""`logs`: a job's log, also while it is written, and whatever happens meanwhile."""

from __future__ import annotations

import json
from typing import Any

import pytest
from rich.text import Text

import flightline.client.retry
from flightline import Client
from tests.support.http_service import Answer, FakeService, log_line, problem
from tests.unit.flightline.conftest import Run

LINE = "01-31 12:00:00  INFO     line "
UNAVAILABLE = problem(503, "database_unavailable", "The database does not answer.")


@pytest.fixture
def growing(service: FakeService, monkeypatch: pytest.MonkeyPatch) -> FakeService:
    """A service whose jobs have written as many lines as they have finished epochs."""

    def log_of(job: dict[str, Any]) -> list[dict[str, Any]]:
        return [log_line(number) for number in range(1, job["progress"]["epoch"] + 1)]

    monkeypatch.setattr(service, "log_of", log_of)
    return service


def silent_for(service: FakeService, requests: int, path: str) -> None:
    """Let the service answer the first request for a path, then so many with a 503, then all again."""
    asked, answer = 0, service.answer

    def answered(method: str, target: str, body: bytes, last_event_id: int = 0) -> Answer:
        nonlocal asked
        asked += target.partition("?")[0] == path
        away = target.partition("?")[0] == path and 1 < asked <= 1 + requests
        return UNAVAILABLE if away else answer(method, target, body, last_event_id)

    service.answer = answered  # type: ignore[method-assign]


def test_logs_prints_every_line_of_every_page(run: Run, service: FakeService) -> None:
    """The lines alone: time, level, message."""
    outcome = run("logs", service.add()["id"])
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out == f"{LINE}1\n{LINE}2\n{LINE}3\n"


@pytest.mark.parametrize("tail,first", [("0", 4), ("1", 3), ("2", 2), ("3", 1), ("50", 1)])
@pytest.mark.parametrize("follow", [[], ["-f"]], ids=["", "-f"])
def test_the_end_of_a_log(run: Run, service: FakeService, tail: str, first: int, follow: list[str]) -> None:
    """`--tail` begins with the last lines, as many as there are; leaving lines out is not losing them."""
    outcome = run("logs", service.add(status="succeeded")["id"], "--tail", tail, *follow)
    assert outcome.out == "".join(f"{LINE}{number}\n" for number in range(first, 4))
    assert "dropped" not in outcome.err


def test_following_a_running_job(run: Run, growing: FakeService) -> None:
    """Each line comes once and in order, up to those written with the job's end; then the command ends by itself."""
    outcome = run("logs", "-f", growing.add(name="mine", epochs=5)["id"])
    assert outcome.code == 0
    assert outcome.out == "".join(f"{LINE}{number}\n" for number in range(1, 6))
    assert outcome.err == "mine succeeded: accuracy 81.0 %, best 83.0 % after epoch 1\n"


@pytest.mark.parametrize("status", ["failed", "cancelled"])
def test_following_a_job_that_ends_badly(run: Run, service: FakeService, status: str) -> None:
    """The exit code says so, and the last line why; without -f printing the log is what was asked for."""
    error = {"code": "non_finite_loss", "detail": "Loss is NaN."} if status == "failed" else None
    job_id = service.add(status=status, error=error)["id"]
    outcome = run("logs", "-f", job_id)
    assert (outcome.code, outcome.out.count("line")) == (1, 3)
    assert outcome.err == f"mlp {status}{': Loss is NaN.' if error else ''}\n"
    assert run("logs", job_id).code == 0


@pytest.mark.parametrize("part", ["/log", ""], ids=["log", "job"])
def test_a_service_that_is_lost_for_a_while(run: Run, growing: FakeService, part: str) -> None:
    """What it writes meanwhile comes when it is back; nothing comes twice."""
    job_id = growing.add(epochs=4)["id"]
    silent_for(growing, 5, f"/v1/jobs/{job_id}{part}")
    outcome = run("logs", "-f", job_id)
    assert outcome.code == 0
    assert outcome.out.splitlines() == [f"{LINE}{number}" for number in range(1, 5)]


def test_a_service_that_stays_away(run: Run, growing: FakeService, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was read is printed, and the command ends with the service's error."""
    monkeypatch.setattr(flightline.client.retry, "OUTAGE_SECONDS", 0.01)
    job_id = growing.add(epochs=4)["id"]
    growing.refuse[f"GET /v1/jobs/{job_id}/log"] = UNAVAILABLE
    outcome = run("logs", "-f", job_id)
    assert (outcome.code, "The database does not answer." in outcome.err) == (4, True)


def test_a_job_that_is_deleted_meanwhile(run: Run, service: FakeService) -> None:
    """There is nothing left to follow."""
    job_id = service.add()["id"]
    service.refuse[f"GET /v1/jobs/{job_id}/log"] = problem(404, "job_not_found", "There is no such job.")
    outcome = run("logs", "-f", job_id)
    assert (outcome.code, outcome.err) == (
        3,
        "Error: There is no such job. `flightline jobs` lists the jobs.\n  (job_not_found, HTTP 404)\n",
    )


@pytest.mark.parametrize("follow", [[], ["-f"]], ids=["", "-f"])
def test_lines_as_json(run: Run, service: FakeService, follow: list[str]) -> None:
    """One object a line, as the service has it, so that a pipe can read each at once."""
    outcome = run("logs", service.add(status="succeeded")["id"], "--json", "--tail", "2", *follow)
    assert [json.loads(line) for line in outcome.out.splitlines()] == [log_line(2), log_line(3)]


def test_lines_that_are_gone_and_attempts_are_told(
    run: Run, service: FakeService, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A log keeps its newest lines; which attempt wrote one is said where it changes. Neither is a line of the log."""
    lines = [log_line(41), log_line(42, attempt=2, level="WARNING"), log_line(43, attempt=2, message="[red]text")]
    monkeypatch.setattr(service, "log_of", lambda _job: lines)
    outcome = run("logs", service.add()["id"])
    assert outcome.out == f"{LINE}41\n01-31 12:00:00  WARNING  line 42\n01-31 12:00:00  INFO     [red]text\n"
    assert outcome.err == "40 lines dropped: the service keeps a job's newest ones.\nAttempt 2\n"


def test_levels_have_colours_on_a_terminal(run: Run, service: FakeService, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error is seen at once; with NO_COLOR nothing is coloured, and a long line is never cut."""
    message = "long " * 40
    monkeypatch.setattr(service, "log_of", lambda _job: [log_line(1, level="ERROR", message=message)])
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "40")
    job_id = service.add()["id"]
    coloured = run("logs", job_id).out
    assert "31m" in coloured
    assert Text.from_ansi(coloured).plain.splitlines() == [f"01-31 12:00:00  ERROR    {message}"]
    monkeypatch.setenv("NO_COLOR", "1")
    assert "31m" not in run("logs", job_id).out


def test_a_queued_job_says_what_it_waits_for(run: Run, service: FakeService, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is printed for a long time otherwise, and nobody would know why."""
    job = service.add(name="mine", status="queued", warnings=["No live worker holds cats."])

    def log_of(job: dict[str, Any]) -> list[dict[str, Any]]:
        job["status"] = "succeeded"  # a worker was quick
        return []

    monkeypatch.setattr(service, "log_of", log_of)
    outcome = run("logs", "-f", job["id"])
    assert (outcome.code, outcome.out) == (0, "")
    assert outcome.err.splitlines() == [
        "mine waits for a worker. Ctrl-C ends this command, not the job.",
        "Warning: No live worker holds cats.",
        "mine succeeded",
    ]


def test_an_empty_log_says_so(run: Run, service: FakeService, monkeypatch: pytest.MonkeyPatch) -> None:
    """On standard error: it is no line of the log."""
    monkeypatch.setattr(service, "log_of", lambda _job: [])
    outcome = run("logs", service.add(status="queued")["id"])
    assert (outcome.code, outcome.out, outcome.err) == (0, "", "No log.\n")


def test_ctrl_c_leaves_the_job_running(run: Run, growing: FakeService, monkeypatch: pytest.MonkeyPatch) -> None:
    """And says how to see it again, and how to end it."""

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Client, "log", interrupted)
    job_id = growing.add()["id"]
    outcome = run("logs", "-f", job_id)
    assert (outcome.code, f"`flightline logs -f {job_id}` shows its log again" in outcome.err) == (130, True)
    assert [method for method, _, _ in growing.requests] == ["GET"] * len(growing.requests)
