"""Logs: constant event names with fields, bound once (job, attempt, worker, device) and cleared at the end."""

from __future__ import annotations

import contextvars
import logging
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from types import MappingProxyType

_bound: contextvars.ContextVar[Mapping[str, object]] = contextvars.ContextVar("bound", default=MappingProxyType({}))

OURS = ("api", "flightline", "migrations", "shared", "worker")
_LOST_CONNECTION = {"ConnectionError", "TimeoutError", "OperationalError"}
"""What Redis, kombu and Python call a server that is away; this module must not load them for it."""
QUIET_SECONDS = 60.0
"""How long a warning is not said again."""
_MOST_REMEMBERED = 100
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class FieldFormatter(logging.Formatter):
    """``2026-01-31T12:00:00.000Z INFO claimed job=0192… attempt=1``, then the traceback, if there is one.

    A library's traceback of a connection that broke becomes a field: where in the library it was noticed tells nobody
    anything.
    """

    def format(self, record: logging.LogRecord) -> str:
        """One line an event."""
        instant = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        line = f"{instant} {record.levelname} {text_of(record, _bound.get())}"
        if not record.exc_info:
            return line
        if _is_lost_connection(record):
            return f"{line} error={_text(record.exc_info[1])}"
        return f"{line}\n{self.formatException(record.exc_info)}"


class Repetitions(logging.Filter):
    """Drops a warning that says what was said less than `QUIET_SECONDS` ago, word for word.

    An outage is met once a second by every thread that waits for its end; one line tells it, and another each minute
    that it lasts, with the number of those left out as `repeated`.
    """

    def __init__(self) -> None:
        super().__init__()
        self._said: dict[str, tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether to log it."""
        if record.levelno < logging.WARNING or record.exc_info:
            return True
        text = f"{record.levelname} {text_of(record, _bound.get())}"
        said, left_out = self._said.get(text, (-QUIET_SECONDS, 0))
        if record.created - said < QUIET_SECONDS:
            self._said[text] = said, left_out + 1
            return False
        if left_out:
            record.repeated = left_out
        self._forget(record.created)
        self._said[text] = record.created, 0
        return True

    def _forget(self, now: float) -> None:
        """Keep what may be repeated soon; a line that names a job is hardly ever said again."""
        if len(self._said) >= _MOST_REMEMBERED:
            self._said = {text: entry for text, entry in self._said.copy().items() if now - entry[0] < QUIET_SECONDS}


def _is_lost_connection(record: logging.LogRecord) -> bool:
    if record.name.partition(".")[0] in OURS or not record.exc_info or record.exc_info[0] is None:
        return False
    return any(kind.__name__ in _LOST_CONNECTION for kind in record.exc_info[0].__mro__)


def text_of(record: logging.LogRecord, bound: Mapping[str, object] = MappingProxyType({})) -> str:
    """The event's name, followed by what is bound and by its own fields."""
    extra = {name: value for name, value in vars(record).items() if name not in _STANDARD}
    message = " ".join(record.getMessage().split())  # libraries' messages may have several lines
    return message + "".join(f" {name}={_text(value)}" for name, value in {**bound, **extra}.items())


def _text(value: object) -> str:
    text = str(value)
    return repr(text) if not text or any(character.isspace() for character in text) else text


@contextmanager
def bound(**fields: object) -> Iterator[None]:
    """Add these fields to every event that this thread logs inside."""
    token = _bound.set({**_bound.get(), **fields})
    try:
        yield
    finally:
        _bound.reset(token)


def configure(level: str) -> None:
    """Log to standard error from `level` on; libraries only from WARNING on."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(FieldFormatter())
    handler.addFilter(Repetitions())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    for package in OURS:
        logging.getLogger(package).setLevel(level)
