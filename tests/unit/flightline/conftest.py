"""A service to talk to, and a command that talks to it."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import flightline.client.following.watch
import flightline.client.retry
from flightline.cli.app import main
from flightline.client.client import Client
from tests.support.http_service import FakeService, serving
from tests.support.http_sweeps import SweepService
from tests.support.http_team import TeamService


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[FakeService]:
    """A service in memory; the client and the command find it by themselves, and ask it without pausing."""
    with serving(FakeService()) as fake:
        monkeypatch.setenv("FLIGHTLINE_URL", fake.url)
        monkeypatch.setenv("FLIGHTLINE_HOME", str(tmp_path))
        monkeypatch.setattr(flightline.client.following.watch, "POLL_SECONDS", 0.001)
        monkeypatch.setattr(flightline.client.retry, "RETRY_SECONDS", 0.001)
        yield fake


@pytest.fixture
def team(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[TeamService]:
    """A service for many people, likewise, on a machine that has stored no token."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    with serving(TeamService()) as fake:
        monkeypatch.setenv("FLIGHTLINE_URL", fake.url)
        monkeypatch.setenv("FLIGHTLINE_HOME", str(tmp_path))
        monkeypatch.setattr(flightline.client.following.watch, "POLL_SECONDS", 0.001)
        monkeypatch.setattr(flightline.client.retry, "RETRY_SECONDS", 0.001)
        yield fake


@pytest.fixture
def searching(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[SweepService]:
    """A service that has sweeps, likewise."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    with serving(SweepService()) as fake:
        monkeypatch.setenv("FLIGHTLINE_URL", fake.url)
        monkeypatch.setenv("FLIGHTLINE_HOME", str(tmp_path))
        monkeypatch.setattr(flightline.client.retry, "RETRY_SECONDS", 0.001)
        yield fake


@pytest.fixture
def client(service: FakeService) -> Iterator[Client]:
    """A client of the service."""
    with Client(service.url) as client:
        yield client


@dataclass(frozen=True)
class Outcome:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output, which must be JSON and nothing else."""
        return json.loads(self.out)


Run = Callable[..., Outcome]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs `flightline ARGUMENTS` in this process, without a terminal."""

    def command(*arguments: str) -> Outcome:
        monkeypatch.setattr(sys, "argv", ["flightline", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        printed = capsys.readouterr()
        return Outcome(int(ended.value.code or 0), printed.out, printed.err)

    return command
