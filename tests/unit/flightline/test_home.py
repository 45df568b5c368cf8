"""The home: its lock, what a stack writes about itself, what a killed one left behind."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from flightline.errors import AlreadyRunning, StackError
from flightline.home import clear_state, read_state, write_state
from flightline.homelock import end_leftovers, home_lock
from shared.processes import born


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    """A process in a session of its own that would live for a minute."""
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True)
    yield process
    process.kill()
    process.wait()


def test_one_stack_a_home(tmp_path: Path) -> None:
    """The second to lock a home is told who has it and what to do; afterwards it is free again."""
    write_state(tmp_path, {"pid": 4711, "url": "http://127.0.0.1:8470"})
    message = r"4711, http://127\.0\.0\.1:8470.*FLIGHTLINE_HOME"
    with home_lock(tmp_path), pytest.raises(AlreadyRunning, match=message), home_lock(tmp_path):
        pass
    with home_lock(tmp_path):
        pass


def test_a_home_that_cannot_be_made(tmp_path: Path) -> None:
    """A home in the place of a file is refused with the variable to set."""
    (tmp_path / "file").write_text("")
    with pytest.raises(StackError, match="FLIGHTLINE_HOME"), home_lock(tmp_path / "file"):
        pass


@pytest.mark.parametrize("text", ["", "{", "[]", '{"pid": "x", "url": 5}'])
def test_unreadable_state_is_no_state(tmp_path: Path, text: str) -> None:
    """A damaged state file counts as none."""
    (tmp_path / "stack.json").write_text(text)
    assert read_state(tmp_path).get("url") in {None, 5}
    clear_state(tmp_path)
    clear_state(tmp_path)
    assert read_state(tmp_path) == {}


def test_born_names_a_process_for_good(sleeper: subprocess.Popen[bytes]) -> None:
    """A process has a birth; one that is gone has none."""
    assert born(sleeper.pid)
    sleeper.kill()
    sleeper.wait()
    assert born(sleeper.pid) is None


def test_leftovers_are_killed_after_the_grace(tmp_path: Path, sleeper: subprocess.Popen[bytes]) -> None:
    """What a killed stack left running is ended; a process that only has the same id is left alone."""
    children = {"other": [sleeper.pid, "another birth"], "damaged": "?", "gone": [2**22 + 1, "1"]}
    write_state(tmp_path, {"children": children})
    assert end_leftovers(tmp_path, 0.0) == []
    assert sleeper.poll() is None
    write_state(tmp_path, {"children": children | {"api": [sleeper.pid, born(sleeper.pid)]}})
    assert end_leftovers(tmp_path, 0.0) == ["api"]
    assert sleeper.wait() == -9
