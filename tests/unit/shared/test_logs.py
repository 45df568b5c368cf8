"""One line an event, with its fields."""

from __future__ import annotations

import io
import itertools
import logging
import sys
import threading
from collections.abc import Iterator

import pytest
import redis
from kombu.exceptions import OperationalError

from shared import logs
from tests.support.concurrency import together


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
