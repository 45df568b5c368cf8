"""The systemd units of deploy/: they start commands that exist, and give what they stop the time that it takes."""

from __future__ import annotations

import configparser
import re
import shlex
from pathlib import Path

import pytest
from typer.core import TyperGroup
from typer.main import get_command

from flightline.cli.app import app
from flightline.stack.programs import API_STOP_SECONDS, REDIS_STOP_SECONDS, WORKER_MARGIN_SECONDS
from shared.settings import Settings

FOLDER = Path(__file__).resolve().parents[2] / "deploy" / "systemd"
UNITS = sorted(FOLDER.glob("*.service"))
GRACE = Settings.model_fields["stop_grace_seconds"].default
LONGEST_STOPS = {
    "up": GRACE + WORKER_MARGIN_SECONDS + API_STOP_SECONDS + REDIS_STOP_SECONDS,
    "api": API_STOP_SECONDS,
    "worker": GRACE + WORKER_MARGIN_SECONDS,
    "predictor": GRACE + WORKER_MARGIN_SECONDS,
}
"""Seconds after which what a command runs has stopped, or was killed by its own supervisor."""


def read(path: Path) -> configparser.ConfigParser:
    """A unit's sections."""
    unit = configparser.ConfigParser(interpolation=None, strict=True)
    unit.optionxform = str  # type: ignore[assignment,method-assign] # systemd tells capitals from small letters
    unit.read_string(path.read_text(encoding="utf-8"))
    return unit


def command_of(path: Path) -> list[str]:
    """What a unit has `flightline` do."""
    words = shlex.split(read(path)["Service"]["ExecStart"])
    if words[0] == "/bin/sh":
        words = shlex.split(words[2].removeprefix("exec "))
    assert words[0] == "/opt/flightline/.venv/bin/flightline"
    return words[1:]


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_a_unit_runs_a_command_that_exists(path: Path) -> None:
    """With options that it has."""
    name, *arguments = command_of(path)
    group = get_command(app)
    assert isinstance(group, TyperGroup)
    options = {option for parameter in group.commands[name].params for option in parameter.opts}
    assert {word for word in arguments if word.startswith("--")} <= options


@pytest.mark.parametrize("path", [path for path in UNITS if "backup" not in path.name], ids=lambda path: path.name)
def test_a_unit_is_started_again_and_stops_in_order(path: Path) -> None:
    """What fails is started again; a stop sends SIGTERM to the parent alone, and waits longer than the stop takes."""
    service = read(path)["Service"]
    assert (service["Restart"], service["KillMode"]) == ("always", "mixed")
    assert float(service["TimeoutStopSec"]) > LONGEST_STOPS[command_of(path)[0]]


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_a_unit_reads_the_settings_file(path: Path) -> None:
    """Whose variables, written out or as examples, are settings."""
    assert read(path)["Service"]["EnvironmentFile"] == "/etc/flightline.env"
    named = re.findall(r"^#?(FLIGHTLINE_\w+)=", (FOLDER / "flightline.env").read_text(encoding="utf-8"), re.MULTILINE)
    assert named
    assert {name.removeprefix("FLIGHTLINE_").lower() for name in named} <= set(Settings.model_fields)


def test_each_timer_has_its_service() -> None:
    """Of the same name."""
    timers = [path.stem for path in FOLDER.glob("*.timer")]
    assert timers
    assert set(timers) <= {path.stem for path in UNITS}


def test_each_unit_is_described() -> None:
    """The page about operations names it."""
    page = (FOLDER.parents[1] / "docs" / "operations.md").read_text(encoding="utf-8")
    missing = [path.name for path in [*UNITS, *FOLDER.glob("*.timer")] if f"`{path.name}`" not in page]
    assert missing == []
