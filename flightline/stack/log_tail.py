"""The lines of the programs' log files that `flightline up` shows while the files grow."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from shared.logs import QUIET_SECONDS, plain

LARGEST_READ_BYTES = 65_536
LONGEST_LINE = 400
_TIME = re.compile(r"^\d{4}-\d\d-\d\dT[\d:.]+Z ")
_REDIS_HEAD = re.compile(r"^\d+:M .*? # ")
_REASON = re.compile(r" (?:reason|detail)=('[^']*'|\"[^\"]*\")")
_WORTH_SHOWING = re.compile(r"\b(WARNING|ERROR|CRITICAL)\b|\bINFO (claimed|succeeded|ended)\b")
# Role, time, and # for a warning; but these four are said at every start and stop.
_REDIS_WARNING = re.compile(
    r"^\d+:M .* # (?!Server initialized|WARNING Memory overcommit|User requested|\w+ is now ready)"
)


class LogTail:
    """Reads new lines of several log files, from the files' ends at its creation.

    A fault that many programs repeat, such as a full disk, is shown once for as long as it is repeated.

    Args:
        logs: the files, by the name to show.
        clock: seconds that only grow.
    """

    def __init__(self, logs: dict[str, Path], clock: Callable[[], float] = time.monotonic) -> None:
        self._logs = logs
        self._clock = clock
        self._shown: dict[str, float] = {}
        self._offsets = {name: _size(path) for name, path in logs.items()}

    def interesting(self) -> Iterator[tuple[str, str]]:
        """Program's name and line, for each new line that is worth showing."""
        for name in self._logs:
            for line in self._new_lines(name):
                if is_interesting(name, line) and self._is_news(line):
                    yield name, _shortened(line)

    def _is_news(self, line: str) -> bool:
        """Whether no program has lately logged the same reason, or the same line apart from its time."""
        now = self._clock()
        self._shown = {text: at for text, at in self._shown.items() if now - at < QUIET_SECONDS}
        found = _REASON.search(line)
        text = found[1] if found else _REDIS_HEAD.sub("", _TIME.sub("", line))
        known = text in self._shown
        self._shown[text] = now
        return not known

    def _new_lines(self, name: str) -> list[str]:
        path, offset = self._logs[name], self._offsets[name]
        size = _size(path)
        if size < offset:  # the file was put aside for a new one
            offset = 0
        if size == offset:
            return []
        with path.open("rb") as file:
            file.seek(max(offset, size - LARGEST_READ_BYTES))
            text = file.read(LARGEST_READ_BYTES)
        whole, _, rest = text.rpartition(b"\n")
        self._offsets[name] = size - len(rest)
        return [plain(line) for line in whole.decode(errors="replace").splitlines()]


def is_interesting(name: str, line: str) -> bool:
    """Whether a line is a job's start or end, a warning or worse, in the format of the program that wrote it."""
    return bool((_REDIS_WARNING if name == "redis" else _WORTH_SHOWING).search(line))


def _shortened(line: str) -> str:
    """The line without its time, and no longer than a few lines of a terminal."""
    line = _TIME.sub("", line)
    return line if len(line) <= LONGEST_LINE else f"{line[:LONGEST_LINE]} … (the rest is in the log)"


def last_lines(path: Path, count: int = 15) -> str:
    """The end of a log file, for an error message; empty where there is none."""
    try:
        lines = path.read_text(errors="replace")[-LARGEST_READ_BYTES:].splitlines()[-count:]
        return "\n".join(map(plain, lines))
    except OSError:
        return ""


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
