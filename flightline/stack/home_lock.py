"""One stack a home: the lock, and what an earlier stack that was killed left running."""

from __future__ import annotations

import fcntl
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from flightline.errors import AlreadyRunning, StackError
from flightline.stack.home import LOCK_FILE, belongs, children, lives, read_state
from shared.processes import born

LOOK_SECONDS = 0.1


@contextmanager
def home_lock(home: Path) -> Iterator[None]:
    """Hold the home for this process; the kernel lets go of it when the process ends, however it ends.

    Raises:
        AlreadyRunning: another stack holds it.
        StackError: the home cannot be made or written, or shares its files with another one.
    """
    try:
        home.mkdir(parents=True, exist_ok=True)
        lock = (home / LOCK_FILE).open("a")
    except OSError as error:
        raise StackError(
            f"The home {home} cannot be used: {error.strerror}. Set FLIGHTLINE_HOME to a folder that can be written to."
        ) from error
    with lock:
        _refuse_shared_files(home, lock.fileno())
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AlreadyRunning(already_running(home)) from None
        yield


def _refuse_shared_files(home: Path, lock: int) -> None:
    """Refuse a copy made of hard links: SQLite and Redis write their files in place, so each would spoil the other."""
    if os.fstat(lock).st_nlink > 1:
        raise StackError(
            f"The files of the home {home} are hard links that another folder holds too, such as one made by "
            "`cp -al`: whatever is written here would be written there. Make a copy of its own with `cp -r`, start "
            "that, and remove the linked one."
        )


def already_running(home: Path) -> str:
    """What to say to whoever wants a home that is held: by whom, and what to do."""
    state = read_state(home)
    if not (belongs(home, state) and lives(state)):
        return (
            f"Another `flightline up` or `flightline restore` is at work in {home}. Wait until it has ended or started."
        )
    return (
        f"Flightline already runs in {home} (process {state.get('pid', 'unknown')}, {state.get('url', 'starting')}). "
        "Use it, stop it with Ctrl-C there, or set FLIGHTLINE_HOME to another folder for a second one."
    )


def end_leftovers(home: Path, grace_seconds: float) -> list[str]:
    """Wait for what a killed stack left running, kill what is still there after `grace_seconds`; return their names.

    The leftovers were sent SIGTERM by the kernel when their stack died, so most of them are already on their way out.
    Only what was started for this very folder is ended: a copied or restored home names the programs of another one.

    Raises:
        AlreadyRunning: their stack lives, although nobody holds the lock: its file was removed.
    """
    state = read_state(home)
    if not belongs(home, state):
        return []
    if lives(state):
        raise AlreadyRunning(already_running(home))
    recorded = children(state)
    left = _alive(recorded)
    names = list(left)
    deadline = time.monotonic() + grace_seconds
    while left and time.monotonic() < deadline:
        time.sleep(LOOK_SECONDS)
        left = _alive(left)
    for pid, _ in left.values():
        with suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)
    return names


def _alive(programs: dict[str, tuple[int, str]]) -> dict[str, tuple[int, str]]:
    return {name: (pid, birth) for name, (pid, birth) in programs.items() if born(pid) == birth}
