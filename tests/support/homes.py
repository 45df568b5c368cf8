"""Homes with a database and artifacts in them, without a stack."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from shared.database.engine import Database
from shared.jobs.running import attempts
from shared.settings import Settings
from tests.support import factories

Home = Callable[[str], Settings]


@contextmanager
def closing_database(settings: Settings) -> Iterator[Database]:
    """The database of some settings, for as long as a block."""
    db = Database(settings.sqlalchemy_url)
    try:
        yield db
    finally:
        db.dispose()


def file_of(settings: Settings, suffix: str = "") -> Path:
    """The database's file, or one beside it."""
    return settings.home_dir / f"flightline.db{suffix}"


def add_jobs(settings: Settings, count: int) -> list[str]:
    """So many queued jobs, all published; their ids."""
    with closing_database(settings) as db:
        ids = [factories.submit(db) for _ in range(count)]
        db.write(lambda connection: connection.exec_driver_sql("UPDATE jobs SET published_at = queued_at"))
        return ids


def add_checkpoint(settings: Settings) -> str:
    """A running job with a checkpoint in the storage; returns the checkpoint's path."""
    with closing_database(settings) as db:
        claim = factories.running(db)
        path = f"{claim.job_id}/checkpoints/1-1-0.pt"
        assert attempts.record_checkpoint(db, claim, {"entries": [{"path": path}]})
    file = Path(settings.storage_url) / path
    file.parent.mkdir(parents=True)
    file.write_bytes(b"state")
    return path


def ids_in(settings: Settings) -> set[str]:
    """The ids of all jobs."""
    with closing_database(settings) as db, db.read() as connection:
        return {row[0] for row in connection.exec_driver_sql("SELECT id FROM jobs")}
