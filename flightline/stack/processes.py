"""Child processes of the stack: how one is started, watched, restarted after a pause and stopped."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from flightline.stack import parent_death

FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 30.0
HEALTHY_SECONDS = 60.0  # one that lived this long is not counted among those that keep dying
LARGEST_LOG_BYTES = 10_000_000


@dataclass(frozen=True)
class Program:
    """A program that a stack runs.

    Attributes:
        name: unique in the stack; names the log file.
        command: the command and its arguments.
        environment: the whole environment.
        log: where its output goes.
    """

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    log: Path


@dataclass
class Child:
    """A program with its process, which runs or waits for its next start."""

    program: Program
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    deaths: int = 0
    start_after: float = 0.0

    @property
    def pid(self) -> int | None:
        """The process id; None while the program does not run."""
        return self.process.pid if self.process else None

    def start(self) -> None:
        """Run the program in a session of its own, so that the terminal's Ctrl-C reaches the stack alone."""
        program = self.program
        self.started = time.monotonic()
        with program.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-I", str(parent_death.__file__), str(os.getpid()), *program.command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=dict(program.environment),
                start_new_session=True,
            )

    def exited(self) -> int | None:
        """The exit code, once, after the program has ended; None while it runs or waits for its next start."""
        if self.process is None:
            return None
        # Looked at before it is reaped: until then nobody else can have its id, and the repair hits nobody else.
        if os.waitid(os.P_PID, self.process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            return None
        _sweep(self.process.pid)
        code, self.process = self.process.wait(), None
        return code

    def postpone(self) -> float:
        """Plan the next start after a death and return the pause in seconds, doubled with each quick death."""
        lived = time.monotonic() - self.started
        self.deaths = 0 if lived >= HEALTHY_SECONDS else self.deaths
        pause = min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2.0**self.deaths)
        self.deaths += 1
        self.start_after = time.monotonic() + pause
        return pause

    def due(self) -> bool:
        """Whether the program does not run and its pause is over."""
        return self.process is None and time.monotonic() >= self.start_after

    def terminate(self) -> None:
        """Send SIGTERM to the program; do nothing where it does not run."""
        if self.process:
            with suppress(ProcessLookupError):
                os.kill(self.process.pid, signal.SIGTERM)

    def kill(self) -> None:
        """Kill the program and all processes that it started, and wait for its end."""
        if self.process:
            _sweep(self.process.pid)
            self.process.wait()
            self.process = None


def _sweep(pid: int) -> None:
    """Kill what is left of a child's process group, so that nothing outlives its parent."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def rotate(log: Path) -> None:
    """Rename a log of more than 10 MB to ``NAME.old.log``, in place of the previous one."""
    with suppress(FileNotFoundError):
        if log.stat().st_size > LARGEST_LOG_BYTES:
            log.replace(log.with_suffix(".old.log"))
