"""One line an event, with its fields."""

from __future__ import annotations

import io
import itertools
import json
import logging
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis
from kombu.exceptions import OperationalError

from shared import logs
from tests.support.concurrency import together


@pytest.fixture
def stderr(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """What goes to standard error, and logging as before afterwards."""
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield stream
    logging.captureWarnings(capture=False)
    root.handlers[:] = handlers
    root.setLevel(level)
    for package in logs.OURS:
        logging.getLogger(package).setLevel(logging.NOTSET)


@pytest.fixture
def written(stderr: io.StringIO) -> io.StringIO:
    """The same in the format for people."""
    logs.configure("INFO")
    return stderr


@pytest.fixture
def events(stderr: io.StringIO) -> Callable[[], list[dict[str, Any]]]:
    """The same in the format for programs, read."""
    logs.configure("INFO", "json")
    return lambda: [json.loads(line) for line in stderr.getvalue().splitlines()]


def test_an_event_and_its_fields(written: io.StringIO) -> None:
    """After the time and the level; what holds spaces is quoted."""
    logging.getLogger("worker.run_job.task").info(
        "claimed", extra={"job": "0192", "reason": "no more\nspace", "empty": ""}
    )

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
    logging.getLogger("api.routes.jobs").debug("hidden")
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


def test_a_warning_that_goes_on_is_said_once(written: io.StringIO) -> None:
    """What is tried again every second fails every second: one line, not one a second for ever."""
    logger = logging.getLogger("shared.delivery.reconciler")
    for _ in range(5):
        logger.warning("reconcile_failed", extra={"reason": "run `flightline migrate`"})
        logger.warning("reconcile_failed", extra={"reason": "another"})
        logger.info("claimed")
        logger.error("worker_cut_off")

    events = [line.split(" ", 2)[1:] for line in written.getvalue().splitlines()]
    warnings = [text for level, text in events if level == "WARNING"]
    assert warnings == ["reconcile_failed reason='run `flightline migrate`'", "reconcile_failed reason=another"]
    assert len(events) == 2 + 5 + 5


def test_a_warning_that_comes_back_is_news() -> None:
    """After a while without it; one that goes on for longer than that is not."""
    seconds = iter([0.0, 30.0, 80.0, 130.0, 130.0 + logs.QUIET_SECONDS])
    repeats = logs.Repeats(seconds.__next__)
    record = logging.makeLogRecord({"name": "x", "msg": "away", "levelno": logging.WARNING})

    assert [repeats.filter(record) for _ in range(5)] == [True, False, False, False, True]


def test_many_threads_warn_at_once() -> None:
    """As in an outage, when every request of the API meets it: whoever warns gets no error for it."""
    seconds = itertools.count(step=0.7)
    repeats = logs.Repeats(lambda: next(seconds))
    said = []

    def warn() -> None:
        thread = threading.get_ident()
        records = (
            logging.makeLogRecord({"name": "x", "msg": f"{thread} {number}", "levelno": logging.WARNING})
            for number in range(1000)
        )
        said.append(sum(repeats.filter(record) for record in records))

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        together(*[warn] * 8)
    finally:
        sys.setswitchinterval(interval)
    assert said == [1000] * 8


def test_different_warnings_are_all_said() -> None:
    """However many there are; what is remembered of them stays small."""
    repeats = logs.Repeats(lambda: 0.0)
    records = [
        logging.makeLogRecord({"name": "x", "msg": f"{number}", "levelno": logging.WARNING})
        for number in range(2 * logs.MOST_REPEATS)
    ]
    assert all(repeats.filter(record) for record in records)
    assert not repeats.filter(records[0])


class TestJson:
    def test_an_event_is_one_object(self, events: Callable[[], list[dict[str, Any]]]) -> None:
        """Numbers stay numbers; what is not JSON becomes text; a field never hides the event's own."""
        fields = {"attempt": 2, "seconds": 0.5, "nan": float("nan"), "path": "a\udcffb", "none": None, "level": "odd"}
        with logs.bound(job="0192", owner=None):
            logging.getLogger("worker.x").info("claimed", extra=fields)
        [event] = events()

        assert event["time"].endswith("Z")
        assert event["pid"] > 0
        assert (event["level"], event["event"], event["logger"]) == ("INFO", "claimed", "worker.x")
        assert (event["job"], event["attempt"], event["seconds"]) == ("0192", 2, 0.5)
        assert (event["nan"], event["none"], event["level_"]) == ("nan", None, "odd")
        assert "owner" not in event

    def test_a_traceback_is_a_field(self, events: Callable[[], list[dict[str, Any]]]) -> None:
        """A lost connection of a library's is its message alone, as in the other format."""
        logging.getLogger("worker").error("crashed", exc_info=ValueError("why"))
        logging.getLogger("kombu").error("lost", exc_info=redis.TimeoutError("slow"))
        crashed, lost = events()

        assert crashed["traceback"].endswith("ValueError: why")
        assert (lost["error"], "traceback" in lost) == ("slow", False)

    def test_what_python_would_print_is_an_event_too(self, events: Callable[[], list[dict[str, Any]]]) -> None:
        """Warnings, and exceptions that end a thread or the process; Ctrl-C is no event."""
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            logging.captureWarnings(capture=True)
            warnings.warn("old", DeprecationWarning, stacklevel=1)
            logging.captureWarnings(capture=False)
        thread = threading.Thread(target=lambda: 1 // 0)
        thread.start()
        thread.join()
        sys.excepthook(KeyError, KeyError("x"), None)
        warned, *uncaught = events()

        assert warned["logger"] == "py.warnings"
        assert [event["event"] for event in uncaught] == ["uncaught"] * 2
        assert uncaught[0]["traceback"].endswith("ZeroDivisionError: integer division or modulo by zero")

    def test_no_secret_is_written(self, events: Callable[[], list[dict[str, Any]]]) -> None:
        """Neither in a message, in a field, in a traceback, nor under a name that holds one."""
        url = "redis://:s3cret@host"
        fields = {"reason": url, "password": "s3cret", "error": ValueError(url)}
        logging.getLogger("worker").error("no answer of %s", url, extra=fields, exc_info=ValueError(url))

        assert "s3cret" not in json.dumps(events())

    def test_a_line_for_people(self, events: Callable[[], list[dict[str, Any]]], stderr: io.StringIO) -> None:
        """`flightline up` shows programs' lines as it always does; what is no event stays."""
        logging.getLogger("worker").warning("lease_lost", extra={"job": "1", "reason": "no answer"})
        [event] = events()

        assert logs.plain(stderr.getvalue()) == f"{event['time']} WARNING lease_lost job=1 reason='no answer'"
        assert [*map(logs.plain, ["{no json", "{}", "7:M * ready"])] == ["{no json", "{}", "7:M * ready"]


def test_binding_lasts_until_the_end_of_the_block(written: io.StringIO) -> None:
    """Fields that become known on the way, such as a request's owner."""
    with logs.bound(request="r"):
        logs.bind(owner="me", job=None)
        logging.getLogger("api").info("inside")
    logging.getLogger("api").info("outside")

    assert [line.split(" ", 2)[2] for line in written.getvalue().splitlines()] == [
        "inside request=r owner=me",
        "outside",
    ]
