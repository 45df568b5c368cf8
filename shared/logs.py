"""Logging of constant event names with fields; `bound` fields (job, attempt, worker, device) end with their block."""

from __future__ import annotations

import contextvars
import logging
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from types import MappingProxyType

_bound: contextvars.ContextVar[Mapping[str, object]] = contextvars.ContextVar("bound", default=MappingProxyType({}))

OURS = ("api", "flightline", "migrations", "shared", "worker")
_LOST_CONNECTION = {"ConnectionError", "TimeoutError", "OperationalError"}
"""Names of lost-connection errors, by name so that redis and kombu need not be imported."""
QUIET_SECONDS = 60.0
"""Seconds without a repetition after which a warning is logged again."""
MOST_REPEATS = 100
"""Largest number of different warnings that are remembered."""
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class FieldFormatter(logging.Formatter):
    """Formats events as ``2026-01-31T12:00:00.000Z INFO claimed job=0192… attempt=1``, then a traceback if any.

    The traceback of a lost connection is reduced to a field with its message: its place in a library helps nobody.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Format an event as one line, with the lines of its traceback below it."""
        instant = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        line = f"{instant} {record.levelname} {text_of(record, _bound.get())}"
        if not record.exc_info:
            return line
        if _is_lost_connection(record):
            return f"{line} error={_text(record.exc_info[1])}"
        return f"{line}\n{self.formatException(record.exc_info)}"


def _is_lost_connection(record: logging.LogRecord) -> bool:
    if record.name.partition(".")[0] in OURS or not record.exc_info or record.exc_info[0] is None:
        return False
    return any(kind.__name__ in _LOST_CONNECTION for kind in record.exc_info[0].__mro__)


def text_of(record: logging.LogRecord, bound: Mapping[str, object] = MappingProxyType({})) -> str:
    """Return the event's name, followed by the bound fields and by the event's own."""
    extra = {name: value for name, value in vars(record).items() if name not in _STANDARD}
    message = " ".join(record.getMessage().split())  # libraries' messages may have several lines
    return message + "".join(f" {name}={_text(value)}" for name, value in {**bound, **extra}.items())


def _text(value: object) -> str:
    text = str(value)
    return repr(text) if not text or any(character.isspace() for character in text) else text


class Repeats:
    """A filter that drops repeated warnings: each is logged once for as long as its cause lasts.

    What is retried every second fails every second while a server is unavailable. A warning with the same text and
    fields is dropped until it has been absent for `QUIET_SECONDS`.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._last: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether to log the record; False for a warning without a traceback that repeats an earlier one."""
        if record.levelno != logging.WARNING or record.exc_info:
            return True
        now = self._clock()
        # A copy: another thread may be warning as well, and a lock could be taken when the process forks.
        self._last = {text: at for text, at in self._last.copy().items() if now - at < QUIET_SECONDS}
        text = f"{record.name} {text_of(record, _bound.get())}"
        known = text in self._last
        if known or len(self._last) < MOST_REPEATS:
            self._last[text] = now
        return not known


@contextmanager
def bound(**fields: object) -> Iterator[None]:
    """Add these fields to every event that this thread logs inside the block."""
    token = _bound.set({**_bound.get(), **fields})
    try:
        yield
    finally:
        _bound.reset(token)


def configure(level: str) -> None:
    """Log to standard error from `level` up; libraries from WARNING up."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(FieldFormatter())
    handler.addFilter(Repeats())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    for package in OURS:
        logging.getLogger(package).setLevel(level)
