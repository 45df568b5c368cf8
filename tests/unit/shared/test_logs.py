"""One line an event, with its fields."""

from __future__ import annotations

import io
import logging
import sys
import threading
from collections.abc import Iterator

import pytest
import redis
from kombu.exceptions import OperationalError

from shared import logs


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """What goes to standard error."""
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    logs.configure("INFO")
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)
    for package in logs.OURS:
        logging.getLogger(package).setLevel(logging.NOTSET)


def test_an_event_and_its_fields(written: io.StringIO) -> None:
    """After the time and the level; what holds spaces is quoted."""
    logging.getLogger("worker.task").info("claimed", extra={"job": "0192", "reason": "no more\nspace", "empty": ""})

    instant, rest = written.getvalue().split(" ", 1)
    assert rest == "INFO claimed job=0192 reason='no more\\nspace' empty=''\n"
    assert len(instant) == len("2026-01-31T12:00:00.000Z")
    assert instant.endswith("Z")


def test_bound_fields(written: io.StringIO) -> None:
    """Are added inside, may be nested, and are gone outside and in other threads."""
    logger = logging.getLogger("shared.x")

    with logs.bound(job="1"), logs.bound(attempt=2):
        logger.info("inside", extra={"epoch": 3})
        other = threading.Thread(target=lambda: logger.info("elsewhere"))
        other.start()
        other.join()
    logger.info("outside")

    events = [line.split(" ", 2)[2] for line in written.getvalue().splitlines()]
    assert events == ["inside job=1 attempt=2 epoch=3", "elsewhere", "outside"]


def test_levels(written: io.StringIO) -> None:
    """Ours from the one that is set, libraries' from WARNING on."""
    logging.getLogger("api.jobs").debug("hidden")
    logging.getLogger("kombu").info("hidden")
    logging.getLogger("kombu").warning("seen")

    assert [line.split(" ")[2] for line in written.getvalue().splitlines()] == ["seen"]


def test_a_traceback_follows(written: io.StringIO) -> None:
    """On lines of its own."""
    try:
        int("why")
    except ValueError:
        logging.getLogger("worker").exception("crashed", extra={"job": "1"})

    first, *traceback = written.getvalue().splitlines()
    assert first.endswith("ERROR crashed job=1")
    assert traceback[-1].startswith("ValueError: invalid literal")


@pytest.mark.parametrize(
    "error", [ConnectionRefusedError("refused"), redis.TimeoutError("slow"), OperationalError("x")]
)
def test_a_librarys_lost_connection_is_one_line(written: io.StringIO, error: Exception) -> None:
    """It says why; ours, and a library's other faults, keep their tracebacks."""
    kombu, ours = logging.getLogger("kombu"), logging.getLogger("worker")
    kombu.critical("Couldn't ack 1,\nreason: lost\n", exc_info=error)
    assert written.getvalue().endswith(f" CRITICAL Couldn't ack 1, reason: lost error={error}\n")
    assert written.getvalue().count("\n") == 1

    ours.error("parent_failed", exc_info=error)
    assert written.getvalue().splitlines()[-1].endswith(f"{type(error).__name__}: {error}")
    kombu.error("odd", exc_info=ValueError("why"))
    assert written.getvalue().splitlines()[-1] == "ValueError: why"


def test_a_warning_that_repeats_itself(written: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is said again after a minute, with how often it was left out; others, errors and news are not held back."""
    logger = logging.getLogger("shared.x")
    now = 1000.0
    monkeypatch.setattr("logging.time.time", lambda: now)
    monkeypatch.setattr("logging.time.time_ns", lambda: int(now * 1e9), raising=False)
    for second in range(62):
        now = 1000.0 + second
        logger.warning("reconcile_failed", extra={"reason": "down"})
        if second < 2:
            logger.warning("claim_failed", extra={"job": second, "reason": "down"})
            logger.info("claim_refused", extra={"job": "1"})

    events = [line.split(" ", 2)[2] for line in written.getvalue().splitlines()]
    assert events == [
        "reconcile_failed reason=down",
        "claim_failed job=0 reason=down",
        "claim_refused job=1",
        "claim_failed job=1 reason=down",
        "claim_refused job=1",
        "reconcile_failed reason=down repeated=59",
    ]


def test_what_is_remembered_of_warnings_does_not_grow(written: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker says a great many in a year."""
    filtered = logs.Repetitions()
    for number in range(1000):
        record = logging.makeLogRecord({"levelno": logging.WARNING, "msg": str(number), "created": number * 1000.0})
        assert filtered.filter(record)

    assert len(filtered._said) <= 101
