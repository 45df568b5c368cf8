"""Logging of constant event names with fields; `bound` fields (request, job, attempt, worker) end with their block.

Every process writes one format: its own lines, those of gunicorn, Celery and other libraries, and Python's warnings.
"""

from __future__ import annotations

import contextvars
import json
import logging
import math
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from types import MappingProxyType, TracebackType
from typing import Any, Literal

from typing_extensions import override

from shared.redaction import HIDDEN, is_secret, redacted

LogFormat = Literal["text", "json"]

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

    @override
    def format(self, record: logging.LogRecord) -> str:
        line = f"{_instant(record)} {record.levelname} {text_of(record, _bound.get())}"
        if not record.exc_info:
            return line
        if _is_lost_connection(record):
            return f"{line} error={_text(record.exc_info[1])}"
        return f"{line}\n{redacted(self.formatException(record.exc_info))}"


class JsonFormatter(logging.Formatter):
    """Formats each event as one line of JSON: time, level, event, logger, pid, then its fields.

    A traceback is the field ``traceback``; that of a lost connection is reduced to its message, the field ``error``.
    """

    @override
    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": _instant(record),
            "level": record.levelname,
            "event": _message(record),
            "logger": record.name,
            "pid": record.process,
        }
        if record.exc_info and _is_lost_connection(record):
            line["error"] = redacted(str(record.exc_info[1]))
        elif record.exc_info:
            line["traceback"] = redacted(self.formatException(record.exc_info))
        fields = {name if name not in line else f"{name}_": value for name, value in _fields(record, _bound.get())}
        return json.dumps(line | fields)  # not by orjson, which refuses file names that are no UTF-8


_FORMATTERS: Mapping[LogFormat, Callable[[], logging.Formatter]] = {"text": FieldFormatter, "json": JsonFormatter}


def plain(line: str) -> str:
    """Return a line of a log in the format for people; one that is not an event as JSON is returned as it is."""
    try:
        event = json.loads(line) if line.startswith("{") else None
    except json.JSONDecodeError:
        event = None
    if not isinstance(event, dict) or not {"time", "level", "event"} <= event.keys():
        return line
    fields = {name: value for name, value in event.items() if name not in _HEAD}
    return f"{event['time']} {event['level']} {event['event']}{_joined(fields.items())}"


_HEAD = frozenset({"time", "level", "event", "logger", "pid"})


def _instant(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _is_lost_connection(record: logging.LogRecord) -> bool:
    if record.name.partition(".")[0] in OURS or not record.exc_info or record.exc_info[0] is None:
        return False
    return any(kind.__name__ in _LOST_CONNECTION for kind in record.exc_info[0].__mro__)


def text_of(record: logging.LogRecord, bound: Mapping[str, object] = MappingProxyType({})) -> str:
    """Return the event's name, followed by the bound fields and by the event's own."""
    return _message(record) + _joined(_fields(record, bound))


def _message(record: logging.LogRecord) -> str:
    return redacted(" ".join(record.getMessage().split()))  # libraries' messages may have several lines


def _fields(record: logging.LogRecord, bound: Mapping[str, object]) -> Iterator[tuple[str, object]]:
    """Yield the bound fields and the event's own, without their secrets; numbers stay numbers."""
    extra = {name: value for name, value in vars(record).items() if name not in _STANDARD}
    for name, value in {**bound, **extra}.items():
        if is_secret(name):
            yield name, HIDDEN
        elif value is None or isinstance(value, bool | int) or (isinstance(value, float) and math.isfinite(value)):
            yield name, value
        else:
            yield name, redacted(str(value))


def _joined(fields: Iterable[tuple[str, object]]) -> str:
    return "".join(f" {name}={_text(value)}" for name, value in fields)


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
    """Add these fields to every event that this thread logs inside the block; one that is None is left out."""
    token = _bound.set(_bound.get())
    bind(**fields)
    try:
        yield
    finally:
        _bound.reset(token)


def bind(**fields: object) -> None:
    """Add these fields to every event that this thread logs until the end of the `bound` block that it is in.

    A field that is None is left out.
    """
    known = {name: value for name, value in fields.items() if value is not None}
    _bound.set({**_bound.get(), **known})


def configure(level: str, log_format: LogFormat = "text") -> None:
    """Log to standard error from `level` up; libraries from WARNING up."""
    root = logging.getLogger()
    root.handlers[:] = [handler(log_format)]
    root.setLevel(logging.WARNING)
    for package in OURS:
        logging.getLogger(package).setLevel(level)
    if log_format == "json":
        _catch_the_rest()


def handler(log_format: LogFormat) -> logging.Handler:
    """Return a handler that writes to standard error in this format, and repeated warnings once."""
    stream = logging.StreamHandler(sys.stderr)
    stream.setFormatter(_FORMATTERS[log_format]())
    stream.addFilter(Repeats())
    return stream


def _catch_the_rest() -> None:
    """Log what Python would print: warnings, and exceptions that end a thread or the process."""
    logging.captureWarnings(capture=True)
    sys.excepthook = _log_uncaught
    threading.excepthook = lambda uncaught: _log_uncaught(uncaught.exc_type, uncaught.exc_value, uncaught.exc_traceback)


def _log_uncaught(kind: type[BaseException], error: BaseException | None, traceback: TracebackType | None) -> None:
    if issubclass(kind, Exception):
        logging.getLogger("flightline").critical("uncaught", exc_info=(kind, error or kind(), traceback))
    else:
        sys.__excepthook__(kind, error or kind(), traceback)
