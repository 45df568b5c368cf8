"""What tells a process from all others."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared import processes
from shared.processes import born, pid_namespace, users_of


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    """Nothing of another test is remembered."""
    pid_namespace.cache_clear()
    yield
    pid_namespace.cache_clear()


def test_all_processes_of_a_container_share_its_namespace() -> None:
    """They see each other's process ids."""
    say = "from shared.processes import pid_namespace; print(pid_namespace())"
    other = subprocess.run([sys.executable, "-c", say], capture_output=True, text=True, check=True)
    assert other.stdout.strip() == pid_namespace()


def test_another_boot_is_another_namespace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Process ids begin anew with it."""
    here = pid_namespace()
    (tmp_path / "boot_id").write_text("another\n")
    monkeypatch.setattr(processes, "_BOOT", tmp_path / "boot_id")
    pid_namespace.cache_clear()
    there = pid_namespace()
    assert there != here
    assert there is not None
    assert there.startswith("another pid:[")


def test_a_process_is_born_once() -> None:
    """It says the same for as long as it lives, and nothing once it has ended, even before anybody has noticed."""
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    birth = born(process.pid)
    assert birth is not None
    assert birth == born(process.pid)
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert born(process.pid) is None
    process.communicate()
    assert born(process.pid) is None


def test_a_platform_without_proc_asks_its_commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """macOS has `ps` and `sysctl`; where there is neither, nothing is known."""
    for name in ("_BOOT", "_NAMESPACE"):
        monkeypatch.setattr(processes, name, tmp_path / "proc" / "missing" / "file")
    answers = {"ps": "Ss   Fri Nov 27 03:00:00 2026\n", "sysctl": "A-B-C\n"}
    asked: list[tuple[str, ...]] = []

    def answer(command: tuple[str, ...], **_: object) -> subprocess.CompletedProcess[str]:
        asked.append(command)
        if command[0] not in answers:
            raise FileNotFoundError
        return subprocess.CompletedProcess(command, 0, stdout=answers[command[0]])

    monkeypatch.setattr(subprocess, "run", answer)
    assert (born(7), pid_namespace()) == ("Fri Nov 27 03:00:00 2026", "A-B-C")
    assert asked[0][-1] == "7"
    answers["ps"] = "Z    Fri Nov 27 03:00:00 2026\n"
    assert born(7) is None
    pid_namespace.cache_clear()
    answers.clear()
    assert (born(7), pid_namespace()) == (None, None)


def test_the_commands_say_what_proc_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a real process, alive and then dead before its parent has noticed."""
    monkeypatch.setattr(processes, "_NAMESPACE", tmp_path / "proc" / "missing" / "file")
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    birth = born(process.pid)
    assert birth is not None
    assert birth == born(process.pid)
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert born(process.pid) is None
    process.communicate()
    assert born(process.pid) is None


def test_who_has_a_file_open(tmp_path: Path) -> None:
    """By whatever name it was opened; nobody after it was closed."""
    file, link = tmp_path / "file", tmp_path / "link"
    file.touch()
    link.symlink_to(file)
    with link.open():
        assert users_of(file)[os.getpid()].startswith(Path(sys.executable).name)
    assert users_of(file) == {}
