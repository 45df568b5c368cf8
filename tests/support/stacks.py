"""`flightline up` for real, as a user's shell starts it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from flightline import Client, NotReachable, Unavailable
from flightline.stack import parent_death

TINY: dict[str, Any] = {
    "dataset": {"name": "synthetic", "train_per_class": 64, "val_per_class": 20},
    "architecture": {"kind": "mlp", "hidden": [16]},
    "training": {"epochs": 2, "batch_size": 32},
}
"""A job of a second."""
_UP = ("up", "--json", "--port", "0")
_MORTAL = (sys.executable, "-I", str(parent_death.__file__))
"""What begins the command of a program that ends with this process, however this one does."""
ENDLESS = 10_000
"""Epochs, as many as a job may have."""
LONG: dict[str, Any] = TINY | {"training": {"epochs": ENDLESS, "batch_size": 1}}
"""A job that trains for longer than a test lasts: minutes, even where nothing else runs."""


def environment(home: Path, **more: str) -> dict[str, str]:
    """A user's shell with a home of its own."""
    return os.environ | {"FLIGHTLINE_HOME": str(home)} | more


def flightline(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A `flightline` command in a home."""
    command = [sys.executable, "-m", "flightline", *arguments]
    return subprocess.run(command, env=environment(home), capture_output=True, text=True, check=False)


def processes_of(home: Path) -> dict[int, str]:
    """Every living process that was started for a home, by its environment."""
    mark, found = f"FLIGHTLINE_HOME={home}".encode(), {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if mark in (folder / "environ").read_bytes().split(b"\0"):
                found[int(folder.name)] = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue
    return found


def until(condition: Callable[[], object]) -> None:
    """Wait for a condition; the test's own timeout ends it."""
    while not condition():
        time.sleep(0.05)


def answers(client: Client) -> bool:
    """Whether the service is ready."""
    try:
        return client.ready() == {"status": "ready"}
    except (NotReachable, Unavailable):
        return False


class Stack:
    """A running `flightline up` on a free port.

    Args:
        home: its home.
        workers: what `--workers` says.
        more: further environment variables.
    """

    def __init__(self, home: Path, workers: str = "cpu=1,predict=0", **more: str) -> None:
        self.home = home
        self.log = home.with_suffix(".log")
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*_MORTAL, str(os.getpid()), sys.executable, "-m", "flightline", *_UP, "--workers", workers],
                env=environment(home, **more),
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,
                text=True,
            )
        assert self.process.stdout
        line = self.process.stdout.readline()
        assert line, f"The stack did not start:\n{self.log.read_text()}"
        self.ready: dict[str, Any] = json.loads(line)
        self.client = Client(self.ready["url"])

    def child(self, name: str) -> int:
        """The process id of one of its programs, which runs."""
        return self._children()[name][0]

    def has_replaced(self, name: str, pid: int) -> bool:
        """Whether one of its programs, which may be about to be started again, is another process than this one."""
        return self._children().get(name, [pid])[0] != pid

    def _children(self) -> dict[str, list[int]]:
        """The process id of each of its programs that run, first."""
        children: dict[str, list[int]] = json.loads((self.home / "stack.json").read_text())["children"]
        return children

    @contextmanager
    def without_api(self) -> Iterator[None]:
        """The API killed, as by a machine's end, and not started again meanwhile; it answers anew afterwards."""
        self.process.send_signal(signal.SIGSTOP)  # what would start it again
        os.killpg(self.child("api"), signal.SIGKILL)
        try:
            yield
        finally:
            self.process.send_signal(signal.SIGCONT)
        until(lambda: answers(self.client))

    def stop(self) -> int:
        """Ctrl-C; returns the exit code."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait()

    def close(self) -> None:
        """End it whatever it does."""
        self.client.close()
        if self.process.poll() is None:
            self.stop()
        assert self.process.stdout
        self.process.stdout.close()
