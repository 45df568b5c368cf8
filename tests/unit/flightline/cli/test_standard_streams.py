"""Output that is closed, read by nobody, or unable to show a character."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys

import pytest
from rich.console import Console

from flightline.cli import standard_streams
from flightline.cli.console import print_json
from flightline.cli.progress import JobsView
from flightline.cli.tables import sparkline
from flightline.client.jobs import Job
from tests.support.http_service import FakeService

ASCII = os.environ | {"PYTHONIOENCODING": "ascii"}


def flightline(*arguments: str, env: dict[str, str] = ASCII, shell: str = "") -> subprocess.CompletedProcess[str]:
    """A command of the installed program; `shell` follows it on a shell's command line."""
    line = " ".join([sys.executable, "-m", "flightline", *arguments, shell])
    return subprocess.run(["/bin/bash", "-c", line], env=env, capture_output=True, text=True, check=False)


@pytest.fixture
def ascii_out() -> io.TextIOWrapper:
    """An output that shows nothing but ASCII."""
    standard_streams.prepare()
    return io.TextIOWrapper(io.BytesIO(), encoding="ascii", errors=standard_streams.ERRORS, write_through=True)


def written(stream: io.TextIOWrapper) -> str:
    """What arrived."""
    assert isinstance(stream.buffer, io.BytesIO)
    return stream.buffer.getvalue().decode()


@pytest.mark.parametrize(
    "text, shown",
    [
        ("starting …", "starting ."),
        ("2 × cpu – 3", "2 x cpu - 3"),
        ("▁▂▃▄▅▆▇█", "_.:-=+*#"),
        ("Müller ☃ 猫", "Muller ? ?"),
        ("\udc80", "?"),
    ],
)
def test_characters_have_plain_ones_in_their_place(ascii_out: io.TextIOWrapper, text: str, shown: str) -> None:
    """One for one: what stands in columns stays there."""
    print(text, end="", file=ascii_out)
    assert written(ascii_out) == shown


def test_every_block_of_a_sparkline_stays_another(ascii_out: io.TextIOWrapper) -> None:
    """The course can still be seen."""
    print(sparkline(range(8)), end="", file=ascii_out)
    assert len(set(written(ascii_out))) == 8


def test_live_lines_keep_their_width(ascii_out: io.TextIOWrapper) -> None:
    """Names, bars and sparklines too: a line that is longer than the terminal would not be drawn over."""
    service = FakeService()
    job = Job(service.add(name="ein sehr langer Name für ein Netz … ☃", epochs=30, epoch=9))
    console = Console(file=ascii_out, width=60, force_terminal=True, color_system=None)
    console.print(JobsView([job]))
    assert max(map(len, written(ascii_out).splitlines())) <= 60


def test_json_loses_nothing(monkeypatch: pytest.MonkeyPatch, ascii_out: io.TextIOWrapper) -> None:
    """What cannot be shown is escaped there, not replaced."""
    monkeypatch.setattr(sys, "stdout", ascii_out)
    print_json({"name": "Müller ☃"})
    assert json.loads(written(ascii_out)) == {"name": "Müller ☃"}


def test_help_is_shown_anywhere() -> None:
    """The frames and dots in it are no reason to end with a traceback."""
    outcome = flightline("jobs", "--help")
    assert (outcome.returncode, outcome.stderr) == (0, "")
    assert "--status" in outcome.stdout


@pytest.mark.parametrize("closed", ["2>&-", "<&-", "<&- 2>&-"])
def test_a_closed_stream_is_no_error(closed: str) -> None:
    """Nothing is shown there, and no file that is opened later is written to in its place."""
    outcome = flightline("--version", shell=closed)
    assert (outcome.returncode, outcome.stderr) == (0, "")


@pytest.mark.parametrize("lost", ["2>/dev/full", "2>&-"])
@pytest.mark.usefixtures("service")
def test_what_is_lost_of_standard_error_fails_nothing(lost: str) -> None:
    """A job that was submitted is said to be, whatever became of the warning before that."""
    outcome = flightline("submit", "--preset", "notebook-linear", shell=lost, env=dict(os.environ))
    assert (outcome.returncode, "Submitted" in outcome.stdout, outcome.stderr) == (0, True, "")


def test_a_program_in_this_ones_place_may_write_into_a_closed_output() -> None:
    """As a worker that is started so: it fails by no print, and opens no file under the stream's number."""
    then = "import os; print(1, flush=True); print(os.open(os.devnull, os.O_RDONLY), file=__import__('sys').stderr)"
    script = (
        "import os, sys; from flightline.cli import standard_streams as s; s.prepare(); s.open_for_successor();"
        f"os.execv(sys.executable, [sys.executable, '-c', {then!r}])"
    )
    done = subprocess.run(
        ["/bin/bash", "-c", '"$0" -c "$1" <&- >&-', sys.executable, script], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "3\n")
