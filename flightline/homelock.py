"""One stack a home: the lock, and what an earlier stack that was killed left running."""

from __future__ import annotations

import fcntl
import os
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from flightline.errors import AlreadyRunning, StackError
from flightline.home import read_state
from shared.processes import born

LOCK_FILE = "stack.lock"
LOOK_SECONDS = 0.1


@contextmanager
def home_lock(home: Path) -> Iterator[None]:
    """Hold the home for this process; the kernel lets go of it when the process ends, however it ends.

    Raises:
        AlreadyRunning: another stack holds it.
        StackError: the home cannot be made or written.
    """
    try:
        home.mkdir(parents=True, exist_ok=True)
        lock = (home / LOCK_FILE).open("a")
    except OSError as error:
        raise StackError(
            f"The home {home} cannot be used: {error.strerror}. Set FLIGHTLINE_HOME to a folder."
        ) from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AlreadyRunning(_already_running(home)) from None
        yield


def _already_running(home: Path) -> str:
    state = read_state(home)
    return (
        f"Flightline already runs in {home} (process {state.get('pid', 'unknown')}, {state.get('url', 'starting')}). "
        "Use it, stop it with Ctrl-C there, or set FLIGHTLINE_HOME to another folder for a second one."
    )


def end_leftovers(home: Path, grace_seconds: float) -> list[str]:
    """Wait for what a killed stack left running, kill what is still there after `grace_seconds`; return their names.

    The leftovers were sent SIGTERM by the kernel when their stack died, so most of them are already on their way out.
    """
    children = read_state(home).get("children", {})
    left = {name: pid for name, pid in _pids(children).items() if born(pid) == children[name][1]}
    names = list(left)
    deadline = time.monotonic() + grace_seconds
    while left and time.monotonic() < deadline:
        time.sleep(LOOK_SECONDS)
        left = {name: pid for name, pid in left.items() if born(pid) == children[name][1]}
    for pid in left.values():
        with suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)
    return names


def _pids(children: Mapping[str, object]) -> dict[str, int]:
    """Those with a readable record: ``{"api": [pid, born]}``."""
    return {
        name: record[0]
        for name, record in children.items()
        if isinstance(record, list) and len(record) == 2 and isinstance(record[0], int) and record[1] is not None
    }
