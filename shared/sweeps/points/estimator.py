"""Questions to Optuna, answered by `shared.sweeps.points.tpe` in a process of its own, which waits for the next one.

Loading Optuna takes more than a second of processor time, an answer some milliseconds. So the process stays while
questions come, and ends by itself soon after the last: it takes memory only while a sweep asks.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from typing import IO, Any, cast

import orjson

from shared.errors import SuggestionFailed

TIMEOUT_SECONDS = 60.0
"""How long an answer may take; then the process is killed."""


class Estimator:
    """Asks Optuna, one question at a time. Its process starts with the first one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: _Process | None = None

    def ask(self, question: dict[str, Any]) -> Any:
        """Return the answer to a question. Raises SuggestionFailed."""
        line = orjson.dumps(question, option=orjson.OPT_APPEND_NEWLINE)
        with self._lock:
            try:
                answer = self._process.answer(line) if self._process else b""
                if not answer:  # there is none yet, or it had no question for long and has ended
                    self._end()
                    self._process = _Process()
                    answer = self._process.answer(line)
                if not answer:
                    raise SuggestionFailed(f"Optuna gave no point: {self._end()}.")
            except OSError as error:
                raise SuggestionFailed(f"Optuna gave no point: {error}.") from error
        return orjson.loads(answer)

    def forget(self) -> None:
        """Leave the process to the parent that started it, in a fork: two must not read each other's answers."""
        self._lock, inherited, self._process = threading.Lock(), self._process, None
        if inherited:
            inherited.leave()

    def _end(self) -> str:
        """End the process; return why it gave no answer."""
        process, self._process = self._process, None
        return process.end() if process else ""


class _Process:
    """A process that answers questions, a line each."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "shared.sweeps.points.tpe"]
        pipe = subprocess.PIPE
        self._child = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe)
        self._questions, self._answers = cast("IO[bytes]", self._child.stdin), cast("IO[bytes]", self._child.stdout)

    def answer(self, line: bytes) -> bytes:
        """Return the answer to a question; empty where the process has ended, or takes too long and is killed."""
        timer = threading.Timer(TIMEOUT_SECONDS, self._child.kill)
        timer.start()
        try:
            self._questions.write(line)
            self._questions.flush()
            return self._answers.readline()
        except BrokenPipeError:
            return b""
        finally:
            timer.cancel()

    def leave(self) -> None:
        """Leave it to the process that started it."""
        for stream in (self._child.stdin, self._child.stdout, self._child.stderr):
            cast("IO[bytes]", stream).close()
        self._child.returncode = 0  # as far as this process is concerned: it cannot wait for it

    def end(self) -> str:
        """End the process; return the last line of its errors, or with which status it ended."""
        self._child.kill()
        _, errors = self._child.communicate()
        last = errors.decode(errors="replace").strip().rpartition("\n")[2]
        return last or f"it ended with {self._child.returncode}"


estimator = Estimator()
"""This process' one."""
os.register_at_fork(after_in_child=estimator.forget)
