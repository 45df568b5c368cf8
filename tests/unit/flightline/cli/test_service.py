"""The commands that run or keep the service itself: what they need, and what they become."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from flightline.cli.commands.service.backups import _report
from flightline.stack.backup import About
from tests.unit.flightline.conftest import Run


@pytest.mark.parametrize("command", [["up"], ["worker"], ["api"], ["migrate"], ["backup", "x"], ["restore", "x"]])
def test_a_plain_installation_names_the_extra(run: Run, monkeypatch: pytest.MonkeyPatch, command: list[str]) -> None:
    """Where only the client is installed, the service's commands say what to install."""
    monkeypatch.setattr("flightline.cli.commands.service.programs.find_spec", lambda _: None)
    outcome = run(*command)
    assert (outcome.code, "pip install 'flightline-train[" in outcome.err) == (5, True)


def test_migrate(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The database is made in the home, and made up to date again without harm."""
    monkeypatch.setenv("FLIGHTLINE_HOME", str(tmp_path / "home"))
    assert run("migrate", "--json").json == {"database": f"sqlite:///{tmp_path}/home/flightline.db"}
    assert run("migrate").out.endswith("flightline.db is up to date.\n")


@pytest.mark.parametrize(
    "command,module",
    [(["worker", "--device", "cuda:1"], ["worker", "--device", "cuda:1"]), (["api"], ["gunicorn", "--config"])],
)
def test_worker_and_api_become_their_program(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, command: list[str], module: list[str]
) -> None:
    """The command is replaced by the program, in an environment where Python finds it."""
    ran: list[Any] = []
    monkeypatch.setenv("FLIGHTLINE_HOME", str(tmp_path))
    monkeypatch.setattr("os.execve", lambda *arguments: ran.append(arguments))
    assert run(*command).code == 0
    _, arguments, environment = ran[0]
    assert arguments[1 : len(module) + 2] == ["-m", *module]
    assert (environment["FLIGHTLINE_HOME"], environment["PYTHONSAFEPATH"]) == (str(tmp_path), "1")


def test_a_variable_that_is_no_setting_is_named(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A mistyped one would do nothing in silence; those of the client mean something. No value is shown."""
    monkeypatch.setenv("FLIGHTLINE_HOME", str(tmp_path))
    monkeypatch.setenv("FLIGHTLINE_URL", "http://localhost:1")
    monkeypatch.setenv("FLIGHTLINE_PROT", "secret")
    monkeypatch.setattr("os.execve", lambda *_: None)
    said = " ".join(run("worker").err.split())
    assert said == 'Warning: FLIGHTLINE_PROT is no setting and changes nothing. Did you mean "FLIGHTLINE_PORT"?'


def test_backup_and_restore(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Into one file, and out of it into another home; both say how much it was."""
    monkeypatch.setenv("FLIGHTLINE_HOME", str(tmp_path / "old"))
    assert run("migrate").code == 0
    target = str(tmp_path / "all.tar")
    assert "Backed up to" in run("backup", target).out
    monkeypatch.setenv("FLIGHTLINE_HOME", str(tmp_path / "new"))
    assert run("restore", target, "--json").json["jobs"] == 0
    assert "--replace" in run("restore", target).err
    assert ": 0 jobs, 0 files of artifacts." in " ".join(run("restore", target, "--replace").out.split())


def test_a_backup_says_why_a_file_is_not_in_it(capsys: pytest.CaptureFixture[str]) -> None:
    """A running job's last checkpoint is deleted by the next one: that is no damage."""
    about = About(format=1, schema=None, taken_at="2026-01-31T12:00:00Z", jobs=1, files=2, missing=1)
    _report(about, "Backed up to all.tar", json=False)

    said = " ".join(capsys.readouterr().out.split())
    assert said == (
        "Backed up to all.tar: 1 job, 2 files of artifacts. 1 file that the database names is not in it: deleted "
        "meanwhile, as checkpoints of running jobs are, or before."
    )


@pytest.mark.parametrize("command,stream", [("backup", "standard output"), ("restore", "standard input")])
def test_a_backup_is_a_file(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, command: str, stream: str
) -> None:
    """`-` is not taken for a name: a backup is whole or not there, and read twice."""
    monkeypatch.setenv("FLIGHTLINE_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    outcome = run(command, "-")
    assert outcome.code == 2
    assert stream in outcome.err
    assert not list(tmp_path.iterdir())
