"""What `up` says of what it needs and does not find. Nothing is started before that."""

from __future__ import annotations

import os
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest

from flightline.stack.programs import Layout
from shared.delivery.reconciler import Report
from shared.errors import StorageUnavailable
from shared.settings import Settings
from shared.storage.store import Storage
from tests.unit.flightline.conftest import Run

NOWHERE = "127.0.0.1:9"


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A home of the test's own, any free port, and a Redis that is somewhere else, and away."""
    monkeypatch.setenv("FLIGHTLINE_HOME", str(tmp_path))
    monkeypatch.setenv("FLIGHTLINE_PORT", "0")
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
    monkeypatch.setitem(sys.modules, "flightline.stack.database", None)
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
    assert f"The database file {home}/flightline.db is damaged, or not an SQLite database" in refusal(run, "migrate")


def test_a_database_file_that_cannot_be_opened(run: Run, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder or a device in its place: the setting that has to be changed is named."""
    for place in (str(home), "/dev/null"):
        monkeypatch.setenv("FLIGHTLINE_DATABASE_URL", f"sqlite:///{place}")
        outcome = run("migrate")
        assert outcome.code == 2
        assert outcome.err.startswith(f"Error: The database {place} is a folder or a device")
        assert "FLIGHTLINE_DATABASE_URL" in outcome.err


def test_artifacts_that_cannot_be_kept(run: Run, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A place that cannot be written to is noticed before a job is trained for nothing."""
    (home / "file").write_text("")
    monkeypatch.setenv("FLIGHTLINE_ARTIFACTS_URL", str(home / "file"))
    said = refusal(run)
    assert f"Artifacts cannot be written to {home}/file (" in said
    assert "FLIGHTLINE_ARTIFACTS_URL" in said


def test_storage_that_does_not_answer_keeps_nothing_from_starting(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Jobs can be accepted and trained meanwhile; whoever starts the stack is told."""
    from flightline.stack import database

    def fail(_: Storage) -> None:
        raise StorageUnavailable("The artifact storage nas does not answer (Stale file handle).")

    repaired, said = Report(3, 4), list[str]()
    monkeypatch.setattr(Storage, "check", fail)
    monkeypatch.setattr(database, "repair", lambda *_: repaired)
    settings = Settings.model_validate({"home": home})
    assert database.migrate_and_repair(settings, "unix:///none", warn=said.append) == repaired
    assert len(said) == 1
    assert "does not answer (Stale file handle). Jobs are trained all the same" in said[0]


def test_predictors_are_counted_too() -> None:
    """Behind the workers, where there are any."""
    layout = Layout(Path("/home"), "127.0.0.1", 1, ("cpu",), None, 1.0, predictors=2)
    assert layout.summary == "Redis, database, API, 1 worker and 2 predictors"
    assert [program.name for program in layout.predictor_programs()] == ["predictor-0", "predictor-1"]


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


@pytest.mark.parametrize("command", ["worker", "api", "migrate", "up"])
@pytest.mark.parametrize(
    "setting,value",
    [
        ("FLIGHTLINE_DATABASE_URL", "postgresql+psycopgx://me:secret@127.0.0.1:9/x"),
        ("FLIGHTLINE_DATABASE_URL", "postgresql://me:secret@127.0.0.1:9/x?sslmod=require"),
        ("FLIGHTLINE_DATABASE_URL", "sqlite:///tmp/x.db"),
        ("FLIGHTLINE_REDIS_URL", "redis://:sec/ret@127.0.0.1:9/0"),
    ],
)
def test_a_url_that_cannot_work(
    run: Run, monkeypatch: pytest.MonkeyPatch, command: str, setting: str, value: str
) -> None:
    """One line that names the setting and repeats no secret, before anything starts."""
    if (command, setting) == ("migrate", "FLIGHTLINE_REDIS_URL"):
        return  # it needs no Redis
    monkeypatch.setenv(setting, value)
    monkeypatch.setattr(os, "execve", lambda *_: pytest.fail("it was started"))
    outcome = run(command)
    lines = [line for line in outcome.err.splitlines() if line != "stack: loading …"]
    assert " ".join(lines).startswith(f"Error: {setting} ")
    assert "Traceback" not in outcome.err
    assert "sec" not in outcome.err


@pytest.mark.parametrize("command", ["worker", "api", "migrate", "up"])
def test_an_unknown_schema(run: Run, home: Path, monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    """Of another program, say: nothing starts on it, and the home's own file is named, which nobody has set."""
    monkeypatch.setattr(os, "execve", lambda *_: pytest.fail("it was started"))
    _migrated(run, home, "bogus")
    said = " ".join(run(command).err.split())
    assert f"The database file {home}/flightline.db has the schema 'bogus', which this release does not know" in said


def test_a_worker_starts_on_the_schema_of_the_next_release(
    run: Run, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In mid-upgrade the old workers go on, also those that are started again; it says so."""
    monkeypatch.setattr(os, "execve", lambda *_: sys.exit(77))
    _migrated(run, home, "9999")
    outcome = run("worker")
    assert "Warning: A later release made the database's schema (9999)." in outcome.err
    assert outcome.code == 77


def _migrated(run: Run, home: Path, revision: str) -> None:
    assert run("migrate").code == 0
    with closing(sqlite3.connect(home / "flightline.db")) as connection:
        connection.execute("UPDATE alembic_version SET version_num = ?", (revision,))
        connection.commit()


class TestTokens:
    def test_no_program_inherits_the_token_of_whoever_starts_it(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Programs of the service call nobody, and their environment can be read."""
        monkeypatch.setenv("FLIGHTLINE_TOKEN", "fl_secret")
        environment = Layout(Path("/home"), "127.0.0.1", 1, ("cpu",), None, 1.0).environment()
        assert "fl_secret" not in environment.values()
        assert environment["FLIGHTLINE_HOST"] == "127.0.0.1"

    @pytest.mark.parametrize("command", [["up", "--port", "0", "--workers", "none"], ["api"]])
    @pytest.mark.parametrize("setting", [("HOST", "0.0.0.0"), ("AUTH", "on")])
    def test_nothing_starts_that_nobody_could_use(
        self, run: Run, monkeypatch: pytest.MonkeyPatch, command: list[str], setting: tuple[str, str]
    ) -> None:
        """Where tokens are asked for and none has been made, the message names the command that makes the first."""
        monkeypatch.setattr(os, "execve", lambda *_: pytest.fail("it was started"))
        assert run("migrate").code == 0
        monkeypatch.setenv(f"FLIGHTLINE_{setting[0]}", setting[1])
        outcome = run(*command)
        assert outcome.code == 2
        assert "flightline token create --owner NAME --scope admin" in outcome.err
        assert "docker compose run --rm api" in outcome.err

    @pytest.mark.parametrize("settings", [{"HOST": "0.0.0.0"}, {"HOST": "0.0.0.0", "AUTH": "off"}, {}])
    def test_an_api_starts_with_a_token_or_where_none_is_asked_for(
        self, run: Run, monkeypatch: pytest.MonkeyPatch, settings: dict[str, str]
    ) -> None:
        """On a loopback address, or switched off."""
        monkeypatch.setattr(os, "execve", lambda *_: sys.exit(77))
        if settings == {"HOST": "0.0.0.0"}:
            assert run("token", "create", "--owner", "a").code == 0
        for name, value in settings.items():
            monkeypatch.setenv(f"FLIGHTLINE_{name}", value)
        assert run("api").code == 77

    def test_a_worker_needs_none(self, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        """It talks to the database."""
        monkeypatch.setattr(os, "execve", lambda *_: sys.exit(77))
        monkeypatch.setenv("FLIGHTLINE_AUTH", "on")
        assert run("worker").code == 77

    def test_an_api_waits_for_a_database_that_is_away(self, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        """It answers nobody until it can tell who asks."""
        monkeypatch.setattr(os, "execve", lambda *_: sys.exit(77))
        monkeypatch.setenv("FLIGHTLINE_AUTH", "on")
        monkeypatch.setenv("FLIGHTLINE_DATABASE_URL", f"postgresql+psycopg://me:secret@{NOWHERE}/x")
        assert run("api").code == 77
