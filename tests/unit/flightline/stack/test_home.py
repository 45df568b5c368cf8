"""The home: its lock, what a stack writes about itself, what a killed one left behind."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from flightline.errors import AlreadyRunning, StackError
from flightline.stack.home import clear_state, end_leftovers, home_lock, read_state, running_url, write_state
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
    write_state(tmp_path, {"pid": os.getpid(), "born": born(os.getpid()), "url": "http://127.0.0.1:8470"})
    message = rf"{os.getpid()}, http://127\.0\.0\.1:8470.*FLIGHTLINE_HOME"
    with home_lock(tmp_path), pytest.raises(AlreadyRunning, match=message), home_lock(tmp_path):
        pass
    with home_lock(tmp_path):
        pass


def test_a_home_whose_stack_has_not_said_who_it_is(tmp_path: Path) -> None:
    """It is starting or stopping, or a backup is restored: what an earlier stack left says nothing of it."""
    write_state(tmp_path, {"pid": 4711, "born": "long ago", "url": "http://127.0.0.1:8470"})
    with home_lock(tmp_path), pytest.raises(AlreadyRunning, match="restore") as refused, home_lock(tmp_path):
        pass
    assert "4711" not in refused.value.detail


def test_a_home_is_its_users_alone(tmp_path: Path) -> None:
    """Nobody else on the machine can look into a new one; one that is there keeps its mode."""
    for mode in (0o700, 0o755):
        with home_lock(tmp_path / "new" / "home"):
            assert (tmp_path / "new" / "home").stat().st_mode & 0o777 == mode
        (tmp_path / "new" / "home").chmod(0o755)


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


def stack_of(process: subprocess.Popen[bytes], **fields: object) -> dict[str, object]:
    """What a stack that consists of this one process writes down."""
    return {"pid": process.pid, "born": born(process.pid), "url": "http://127.0.0.1:8470", **fields}


def killed_stack(child: subprocess.Popen[bytes]) -> dict[str, object]:
    """What a stack that was killed has written down, with a child that lives."""
    return {
        "pid": 2**22 + 1,
        "born": "1",
        "url": "http://127.0.0.1:8470",
        "children": {"api": [child.pid, born(child.pid)]},
    }


def test_a_copy_of_a_home_names_nobodys_service(tmp_path: Path, sleeper: subprocess.Popen[bytes]) -> None:
    """The stack runs in the original alone, whatever the copied state says; a renamed home is still the original."""
    home, copy = tmp_path / "home", tmp_path / "copy"
    home.mkdir()
    write_state(home, stack_of(sleeper))
    shutil.copytree(home, copy)

    assert running_url(home) == "http://127.0.0.1:8470"
    assert running_url(copy) is None
    assert running_url(home.rename(tmp_path / "renamed")) == "http://127.0.0.1:8470"


def test_a_process_that_has_ended_is_no_stack(tmp_path: Path) -> None:
    """Nor is it where its birth could not be told when it was written down."""
    write_state(tmp_path, {"pid": 2**22 + 1, "born": None, "url": "http://127.0.0.1:8470"})

    assert running_url(tmp_path) is None
    assert end_leftovers(tmp_path, 0.0) == []


@pytest.mark.parametrize("parent", ["alive", "killed"])
def test_a_copy_ends_nothing_of_the_original(tmp_path: Path, sleeper: subprocess.Popen[bytes], parent: str) -> None:
    """Its state names living programs, but those of another folder, whether their stack lives or not."""
    home, copy = tmp_path / "home", tmp_path / "copy"
    home.mkdir()
    state = killed_stack(sleeper)
    write_state(home, state if parent == "killed" else state | {"pid": os.getpid(), "born": born(os.getpid())})
    shutil.copytree(home, copy)

    with home_lock(copy):
        assert end_leftovers(copy, 0.0) == []
    assert sleeper.poll() is None


def test_a_home_put_back_in_its_place_ends_nothing(tmp_path: Path, sleeper: subprocess.Popen[bytes]) -> None:
    """A backup under the name of the original, which was moved aside while its stack ran, is another folder."""
    home, backup = tmp_path / "home", tmp_path / "backup"
    home.mkdir()
    write_state(home, killed_stack(sleeper))
    shutil.copytree(home, backup)
    home.rename(tmp_path / "aside")
    backup.rename(home)

    assert running_url(home) is None
    assert end_leftovers(home, 0.0) == []
    assert sleeper.poll() is None


def test_a_renamed_home_still_ends_its_own_leftovers(tmp_path: Path, sleeper: subprocess.Popen[bytes]) -> None:
    """The folder is the same one, and what a killed stack left in it would go on writing there."""
    home = tmp_path / "home"
    home.mkdir()
    write_state(home, killed_stack(sleeper))

    assert end_leftovers(home.rename(tmp_path / "renamed"), 0.0) == ["api"]
    assert sleeper.wait() == -9


@pytest.mark.parametrize("field", ["machine", "home"])
def test_another_boot_or_machine_means_nothing_here(
    tmp_path: Path, sleeper: subprocess.Popen[bytes], field: str
) -> None:
    """A process id and a birth from before a boot, or from another container, may be anybody's by now."""
    write_state(tmp_path, killed_stack(sleeper))
    state = read_state(tmp_path)
    (tmp_path / "stack.json").write_text(json.dumps({**state, field: "another"}))

    assert running_url(tmp_path) is None
    assert end_leftovers(tmp_path, 0.0) == []
    assert sleeper.poll() is None


def test_a_lock_file_that_was_removed_does_not_make_a_second_stack(
    tmp_path: Path, sleeper: subprocess.Popen[bytes]
) -> None:
    """The stack in this folder lives, so its programs are no leftovers, though its lock is free."""
    child = {"children": {"api": [sleeper.pid, born(sleeper.pid)]}}
    write_state(tmp_path, stack_of(sleeper, **child))

    with pytest.raises(AlreadyRunning, match="already runs"), home_lock(tmp_path):
        end_leftovers(tmp_path, 0.0)
    assert sleeper.poll() is None


@pytest.fixture
def old_program(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A program that was started for the home `tmp_path / "home"`."""
    environment = os.environ | {"FLIGHTLINE_HOME": str(tmp_path / "home")}
    process = subprocess.Popen(
        [sys.executable, "-c", "import time; print(flush=True); time.sleep(60)"],
        env=environment,
        start_new_session=True,
        stdout=subprocess.PIPE,
    )
    assert process.stdout
    process.stdout.readline()
    yield process
    process.kill()
    process.communicate()


def test_the_state_of_release_0_1_is_understood(tmp_path: Path, old_program: subprocess.Popen[bytes]) -> None:
    """It records no folder; its programs say in their environment which home they were started for."""
    home, copy = tmp_path / "home", tmp_path / "copy"
    home.mkdir()
    (home / "stack.json").write_text(json.dumps(killed_stack(old_program)))
    shutil.copytree(home, copy)

    assert end_leftovers(copy, 0.0) == []
    assert old_program.poll() is None
    assert end_leftovers(home, 0.0) == ["api"]
    assert old_program.wait() == -9


def test_a_copy_made_of_hard_links_is_refused(tmp_path: Path) -> None:
    """SQLite and Redis write their files in place: the copy would be written with the original."""
    home, copy = tmp_path / "home", tmp_path / "copy"
    with home_lock(home):
        pass
    shutil.copytree(home, copy, copy_function=os.link)

    with pytest.raises(StackError, match=r"hard links.*cp -r"), home_lock(copy):
        pass


def test_a_state_that_cannot_be_written_leaves_the_old_one(tmp_path: Path) -> None:
    """Nothing half written stays behind, where the draft cannot be put in its place."""
    (tmp_path / "stack.json").mkdir()
    with pytest.raises(IsADirectoryError):
        write_state(tmp_path, {"pid": 1})
    assert [path.name for path in tmp_path.iterdir()] == ["stack.json"]
