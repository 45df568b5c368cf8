"""Logs: constant event names with fields, bound once (job, attempt, worker, device) and cleared at the end."""

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
"""What Redis, kombu and Python call a server that is unavailable; this module must not load them for it."""
QUIET_SECONDS = 60.0
"""A warning that comes again after so much silence is news."""
MOST_REPEATS = 100
"""So many different warnings are remembered."""
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


class Repeats:
    """A filter that lets a warning through once for as long as its cause lasts.

    What is tried again every second fails every second while a server is unavailable. The same warning, word for word
    and field for field, is left out until it has not come for `QUIET_SECONDS`.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._last: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether this one is news."""
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
    handler.addFilter(Repeats())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    for package in OURS:
        logging.getLogger(package).setLevel(level)
