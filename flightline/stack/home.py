"""A stack's home: its lock, the state file that a running stack leaves there, and what a killed stack left running.

A home is told from a copy of it: the state file names the folder and the machine.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from flightline.errors import AlreadyRunning, FlightlineError, StackError
from shared.paths import expanded
from shared.processes import born, pid_namespace

STATE_FILE = "stack.json"
LOCK_FILE = "stack.lock"
LOOK_SECONDS = 0.1


def home_dir() -> Path:
    """`FLIGHTLINE_HOME` as an absolute path, without reading the other settings."""
    return expanded(Path(os.environ.get("FLIGHTLINE_HOME") or "~/.flightline"), "FLIGHTLINE_HOME")


def running_url(home: Path | None = None) -> str | None:
    """The URL of the stack that runs in a home, from its start to its end; None where none runs."""
    return _running(home or home_dir()).get("url")


def running_data_dir(home: Path) -> Path | None:
    """The folder in which the workers of the stack that runs in a home look for data sets; None where none runs."""
    data_dir = _running(home).get("data_dir")  # a stack of release 0.1 does not say
    return Path(data_dir) if isinstance(data_dir, str) else None


def _running(home: Path) -> dict[str, Any]:
    """The state of the stack that runs in a home, empty where none does."""
    state = read_state(home)
    return state if isinstance(state.get("url"), str) and is_alive(state) and belongs(home, state) else {}


def silent_stack(url: str) -> str | None:
    """The message for a URL that does not answer, where it is that of the stack in `FLIGHTLINE_HOME`; else None.

    A stack chooses its address before it starts its programs, and keeps it while it starts the API again.
    """
    try:
        home = home_dir()
    except FlightlineError:
        return None
    state = _running(home)
    if state.get("url") != url:
        return None
    if state.get("ready", True):
        return (
            f"The stack in {home} (process {state['pid']}) runs, but its API at {url} does not answer. It is being "
            f"restarted, or the stack stops: try again in a few seconds, or see {home}/logs/api.log."
        )
    return (
        f"The stack in {home} (process {state['pid']}) is starting and does not answer at {url} yet. Wait until "
        "`flightline up` says that it runs, then try again."
    )


def was_started(home: Path) -> bool:
    """Whether a stack has ever been started in this home, or in the one that it was copied from."""
    return (home / LOCK_FILE).exists()


def read_state(home: Path) -> dict[str, Any]:
    """The state that a stack last wrote into its home; empty where there is no readable one."""
    try:
        state = json.loads((home / STATE_FILE).read_text())
    except (OSError, ValueError):
        return {}
    return state if isinstance(state, dict) else {}


def write_state(home: Path, state: Mapping[str, Any]) -> None:
    """Replace the state in a home as one step, and record the folder and the machine in it.

    Raises:
        OSError: the state cannot be written: the disk is full or the home was moved. The old one stays.
    """
    document = {**state, "home": _folder(home), "machine": pid_namespace()}
    draft = home / f"{STATE_FILE}.new"
    try:
        draft.write_text(json.dumps(document, indent=1))
        draft.replace(home / STATE_FILE)
    except OSError:
        with suppress(OSError):
            draft.unlink(missing_ok=True)
        raise


def clear_state(home: Path) -> None:
    """Remove the state from a home, in which no stack runs any more."""
    (home / STATE_FILE).unlink(missing_ok=True)


def belongs(home: Path, state: Mapping[str, Any]) -> bool:
    """Whether a state is that of a stack in this very folder, on this machine since it was booted.

    A copy of a home has the original's state in it, a restored home that of long ago: their process ids are other
    people's. A folder keeps its inode when it is renamed or mounted a second time, and no copy of it has the same.
    """
    if "home" in state:
        return bool(state["home"] == _folder(home) and state.get("machine") == pid_namespace())
    # Written by release 0.1, which recorded no folder: its programs carry the home in their environment.
    return any(_was_started_for(home, pid) for pid, _ in children(state).values())


def is_alive(state: Mapping[str, Any]) -> bool:
    """Whether the process that wrote a state still runs; meaningless for the state of another machine."""
    pid, birth = state.get("pid"), state.get("born")
    return isinstance(pid, int) and birth is not None and born(pid) == birth


def children(state: Mapping[str, Any]) -> dict[str, tuple[int, str]]:
    """The programs in a state by name, as (process id, birth); unreadable records are left out."""
    recorded = state.get("children")
    return {
        name: (record[0], record[1])
        for name, record in (recorded.items() if isinstance(recorded, dict) else ())
        if isinstance(record, list) and len(record) == 2 and isinstance(record[0], int) and record[1] is not None
    }


def _folder(home: Path) -> list[int] | None:
    """The device and inode of the folder; None where it does not exist."""
    try:
        found = home.stat()
    except OSError:
        return None
    return [found.st_dev, found.st_ino]


def _was_started_for(home: Path, pid: int) -> bool:
    try:
        return f"FLIGHTLINE_HOME={home}".encode() in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return False


def make_home(home: Path) -> None:
    """Create a home that its user alone can look into, unless it exists. Raises OSError."""
    home.mkdir(mode=0o700, parents=True, exist_ok=True)


@contextmanager
def home_lock(home: Path) -> Iterator[None]:
    """Lock the home for this process; the kernel releases the lock when the process ends, however it ends.

    Raises:
        AlreadyRunning: another stack has locked the home.
        StackError: the home cannot be created or written, or shares its files with another folder.
    """
    try:
        make_home(home)
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
    """Refuse a copy made of hard links: SQLite and Redis write in place, so a stack would damage both folders."""
    if os.fstat(lock).st_nlink > 1:
        raise StackError(
            f"The files of the home {home} are hard links that another folder holds too, such as one made by "
            "`cp -al`: whatever is written here would be written there. Make a copy of its own with `cp -r`, start "
            "that, and remove the linked one."
        )


def already_running(home: Path) -> str:
    """The message for a home that another process has locked: which process, and what to do."""
    state = read_state(home)
    if not (belongs(home, state) and is_alive(state)):
        return (
            f"Another `flightline up` or `flightline restore` is at work in {home}. Wait until it has ended or started."
        )
    return (
        f"Flightline already runs in {home} (process {state.get('pid', 'unknown')}, {state.get('url', 'starting')}). "
        "Use it, stop it with Ctrl-C there, or set FLIGHTLINE_HOME to another folder for a second one."
    )


def end_leftovers(home: Path, grace_seconds: float) -> list[str]:
    """Wait for programs that a killed stack left running, kill those left after `grace_seconds`; return all names.

    The leftovers were sent SIGTERM by the kernel when their stack died, so most of them are already on their way out.
    Only what was started for this very folder is ended: a copied or restored home names the programs of another one.

    Raises:
        AlreadyRunning: their stack runs, although the home is not locked: the lock file was removed.
    """
    state = read_state(home)
    if not belongs(home, state):
        return []
    if is_alive(state):
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
