"""What a stopped stack leaves of its database: one file."""

from __future__ import annotations

from pathlib import Path

import pytest

from shared.database.engine import Database
from shared.errors import DatabaseUnavailable
from shared.jobs.actor import EVERYBODY
from shared.jobs.reads import queries
from tests.support import factories


def test_the_log_is_taken_into_the_file(sqlite_database: Database, sqlite_url: str) -> None:
    """While others have it open the log is emptied; with the last of them it goes."""
    file = Path(sqlite_url.removeprefix("sqlite:///"))
    log = file.with_name(f"{file.name}-wal")
    job_id = factories.submit(sqlite_database)
    assert log.stat().st_size > 0

    last = Database(sqlite_url)
    last.fold()
    assert log.stat().st_size == 0
    assert queries.job(sqlite_database, job_id, actor=EVERYBODY)["status"] == "queued"

    sqlite_database.dispose()
    last.dispose()
    assert not log.exists()


def test_a_server_keeps_its_own_files(postgres_database: Database) -> None:
    """There is nothing to do, and nothing happens."""
    postgres_database.fold()
    postgres_database.ping()


def test_a_file_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    """As by everything else that needs the database, never by the driver's own exception."""
    file = tmp_path / "flightline.db"
    file.write_bytes(b"no database" * 1000)
    with pytest.raises(DatabaseUnavailable, match=str(file)):
        Database(f"sqlite:///{file}").fold()
