"""What `up` says of what it needs and does not find. Nothing is started before that."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from flightline.programs import Layout
from shared.errors import StorageUnavailable
from shared.reconciler import Report
from shared.settings import Settings
from shared.storage import Storage
from tests.unit.flightline.conftest import Run

NOWHERE = "127.0.0.1:9"


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A home of the test's own, and a Redis that is somewhere else, and away."""
    monkeypatch.setenv("FLIGHTLINE_HOME", str(tmp_path))
    monkeypatch.setenv("FLIGHTLINE_REDIS_URL", f"redis://:secret@{NOWHERE}")
    return tmp_path


def refusal(run: Run, *command: str) -> str:
    """What a command that cannot start says."""
    outcome = run(*(command or ("up", "--port", "0", "--workers", "none")))
    assert outcome.code == 5
    assert "Traceback" not in outcome.err
    assert "secret" not in outcome.err
    return outcome.err


def test_it_says_something_before_it_loads_anything_slow(
    run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever waits knows for what, on standard error where standard output is to be read by a program."""
    monkeypatch.setitem(sys.modules, "flightline.database", None)
    with pytest.raises(ImportError):
        run("up", "--json")
    assert capsys.readouterr().err == "stack: loading …\n"


def test_a_redis_that_is_away(run: Run, home: Path) -> None:
    """The message says where it was looked for, and what whoever starts a stack can do."""
    said = refusal(run)
    assert f"Redis does not answer (Error 111 connecting to {NOWHERE}" in said
    assert "Start that server, or correct FLIGHTLINE_REDIS_URL" in said
    assert "Jobs are accepted" not in said
    assert not (home / "stack.json").exists()


@pytest.mark.parametrize("command", [(), ("migrate",)])
def test_a_database_that_is_away(run: Run, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]) -> None:
    """The same of PostgreSQL."""
    monkeypatch.setenv("FLIGHTLINE_DATABASE_URL", f"postgresql+psycopg://me:secret@{NOWHERE}/x")
    said = refusal(run, *command)
    assert "The database does not answer (" in said
    assert "Start that server, or correct FLIGHTLINE_DATABASE_URL" in said
    assert "try again" not in said


def test_a_database_file_that_is_none(run: Run, home: Path) -> None:
    """It is named by its path, which nobody has set."""
    (home / "flightline.db").write_bytes(b"no database" * 1000)
    assert f"The database file {home}/flightline.db is damaged, or no SQLite database" in refusal(run, "migrate")


def test_a_database_file_that_cannot_be_opened(run: Run, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder in its place, or one that may not be read."""
    monkeypatch.setenv("FLIGHTLINE_DATABASE_URL", f"sqlite:///{home}")
    assert f"The database file {home} cannot be opened or written" in refusal(run, "migrate")


def test_artifacts_that_cannot_be_kept(run: Run, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A place that cannot be written to is noticed before a job is trained for nothing."""
    (home / "file").write_text("")
    monkeypatch.setenv("FLIGHTLINE_ARTIFACTS_URL", str(home / "file"))
    said = refusal(run)
    assert f"Artifacts cannot be written to {home}/file (" in said
    assert "FLIGHTLINE_ARTIFACTS_URL" in said


def test_storage_that_does_not_answer_keeps_nothing_from_starting(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Jobs can be accepted and trained meanwhile; whoever starts the stack is told."""
    from flightline import database

    def fail(_: Storage) -> None:
        raise StorageUnavailable("The artifact storage nas does not answer (Stale file handle).")

    swept, said = Report(3, 4), list[str]()
    monkeypatch.setattr(Storage, "check", fail)
    monkeypatch.setattr(database, "sweep", lambda *_: swept)
    settings = Settings.model_validate({"home": home})
    assert database.migrate_and_sweep(settings, "unix:///none", warn=said.append) == swept
    assert len(said) == 1
    assert "does not answer (Stale file handle). Until then jobs are trained" in said[0]


@pytest.mark.parametrize(
    "devices, redis_url, summary",
    [
        (("cpu",), None, "Redis, database, API and 1 worker"),
        (("cpu", "cpu"), None, "Redis, database, API and 2 workers"),
        ((), "redis://elsewhere", "database, API and no workers"),
    ],
)
def test_what_is_started_is_counted(devices: tuple[str, ...], redis_url: str | None, summary: str) -> None:
    """In words that fit the number."""
    assert Layout(Path("/home"), "127.0.0.1", 1, devices, redis_url, 1.0).summary == summary
