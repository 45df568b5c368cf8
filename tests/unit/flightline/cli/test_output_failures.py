"""Exit codes that are true, and output that cannot be written."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from flightline.cli import app
from flightline.cli.console import EXIT_CODES
from tests.support.http_service import FakeService
from tests.unit.flightline.conftest import Run

COMMAND_PAGE = Path(__file__).parents[4] / "docs" / "command.md"
LOST = 6


def command(*arguments: str, stdout: int, **environment: str) -> subprocess.CompletedProcess[str]:
    """`flightline ARGUMENTS` as a process of its own, with that standard output."""
    everything = os.environ | environment
    return subprocess.run(
        [sys.executable, "-m", "flightline", *arguments],
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        env=everything,
        check=False,
    )


@pytest.mark.parametrize("arguments", [["jobs"], ["jobs", "--json"], ["--version"]], ids=" ".join)
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_full_disk(service: FakeService, arguments: list[str], unbuffered: str) -> None:
    """One line says so, also where the output is written at the very end; the code is its own."""
    service.add()
    with Path("/dev/full").open("w") as full:
        ended = command(*arguments, stdout=full.fileno(), PYTHONUNBUFFERED=unbuffered)
    assert (ended.returncode, ended.stderr) == (
        LOST,
        "Error: The output cannot be written: No space left on device.\n",
    )


def test_a_reader_that_has_gone(service: FakeService) -> None:
    """`| head` has had enough: nothing is said, and no job has failed."""
    service.add()
    reading, writing = os.pipe()
    os.close(reading)
    ended = command("jobs", stdout=writing)
    os.close(writing)
    assert (ended.returncode, ended.stderr) == (LOST, "")


@pytest.mark.parametrize("arguments", [["jobs"], ["jobs", "--json"], ["--version"], ["--help"]], ids=" ".join)
def test_a_closed_output(service: FakeService, arguments: list[str]) -> None:
    """What was asked for has reached nobody, and the code says so; `>&-` is not `>/dev/null`."""
    service.add()
    line = ["/bin/bash", "-c", '"$@" >&-', "bash", sys.executable, "-m", "flightline", *arguments]
    ended = subprocess.run(line, stderr=subprocess.PIPE, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (
        LOST,
        "Error: The output cannot be written: standard output is closed.\n",
    )


COMMANDS = [
    *(["jobs"], ["workers"], ["queues"], ["presets"], ["datasets"], ["show", "last"], ["watch", "last"]),
    *(["show", "last", "--part", part] for part in ("epochs", "evaluation", "attempts", "log", "artifacts")),
    *(["download", "last"], ["cancel", "last"], ["priority", "last", "3"], ["retry", "last"], ["delete", "last"]),
    *(["submit", "--preset", "x", *more] for more in ([], ["--watch"], ["--dry-run"])),
    *(["migrate"], ["--help"], ["submit", "--help"]),
]
STATUS = {"priority": "queued", "cancel": "queued"}


@pytest.mark.parametrize("how", ["closed", "full", "unread"])
@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_every_command_says_that_its_output_is_lost(
    service: FakeService,
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    arguments: list[str],
    how: str,
) -> None:
    """By its exit code, and in a line where nobody has chosen it."""
    monkeypatch.chdir(tmp_path)
    service.sha256 = hashlib.sha256(b"weights").hexdigest()
    service.add(status=STATUS.get(arguments[0], "succeeded"), epochs=1, epoch=1)
    reading, writing = os.pipe()
    os.close(reading)
    lost = {"full": ("/dev/full", os.O_WRONLY), "closed": (os.devnull, os.O_RDONLY)}
    descriptor = writing if how == "unread" else os.open(*lost[how])
    with open(descriptor, "w") as output:  # noqa: PTH123 -- a number
        monkeypatch.setattr(sys, "stdout", output)
        outcome = run(*arguments)
    if how != "unread":
        os.close(writing)
    assert outcome.code == LOST, outcome
    said = [line for line in outcome.err.splitlines() if not line.startswith("Warning: ")]
    assert len(said) == (how != "unread"), outcome


def test_a_file_of_the_stack_that_cannot_be_written(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Is no failure of the output."""
    monkeypatch.setattr(app.app, "registered_commands", list(app.app.registered_commands))

    @app.app.command()
    def fill() -> None:
        raise OSError(28, "No space left on device", "/home/x/stack.json.new")

    outcome = run("fill")
    assert (outcome.code, outcome.err) == (5, "Error: No space left on device: /home/x/stack.json.new.\n")


@pytest.mark.parametrize("url", ["nonsense", "http://", "http://host:99999", "ftp://host"])
def test_an_address_that_is_none_is_wrong_usage(run: Run, monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    """Nobody was asked, so nobody did not answer."""
    monkeypatch.setenv("FLIGHTLINE_URL", url)
    outcome = run("jobs")
    assert outcome.code == 2
    assert outcome.err == f"Error: {url!r} is not a service URL, such as http://127.0.0.1:8470.\n"


def test_the_exit_codes_are_those_of_the_documentation() -> None:
    """The same words in the same order."""
    told = EXIT_CODES.removeprefix("Exit codes: ").rstrip(".").split(" · ")
    assert told == " ".join(COMMAND_PAGE.read_text().split()).split("Exit codes: ")[1].split(".")[0].split(", ")


@pytest.mark.parametrize("width", ["40", "60", "79", "80"])
def test_help_cuts_no_name(run: Run, monkeypatch: pytest.MonkeyPatch, width: str) -> None:
    """Of an option or a command, however narrow the terminal."""
    monkeypatch.setenv("COLUMNS", width)
    monkeypatch.setenv("TERMINAL_WIDTH", width)
    group = typer.main.get_command(app.app)
    assert all(f" {name} " in run("--help").out for name in getattr(group, "commands"))  # noqa: B009 - a group's
    for name, one in getattr(group, "commands").items():  # noqa: B009
        words = run(name, "--help").out.replace(",", " ").replace("│", " ").split()
        assert {option for parameter in one.params for option in parameter.opts if option[0] == "-"} <= set(words), name
