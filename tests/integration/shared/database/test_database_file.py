"""An SQLite file that is taken away under a running process, comes back, or is another by then."""

from __future__ import annotations

import logging
import os
import shutil
import sqlite3
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, select

import migrations
from shared.database.engine import Database
from shared.database.file import DatabaseFile
from shared.database.tables import Lock
from shared.errors import DatabaseUnavailable, JobNotFound
from shared.jobs import actions
from shared.jobs.actor import EVERYBODY
from shared.jobs.reads import queries
from shared.jobs.running import attempts
from shared.jobs.running.attempts import Line
from shared.jobs.running.leases import LeaseWatch
from shared.jobs.running.retry_policy import Ending
from shared.jobs.status import Outcome
from tests.support import factories
from tests.support.clocks import Clock
from tests.support.concurrency import together


@pytest.fixture
def path(quick_dir: Path) -> Path:
    """Where the file of `sqlite_database` stands."""
    return quick_dir / "flightline.db"


@pytest.fixture
def other(sqlite_database: Database, sqlite_url: str) -> Iterator[Database]:
    """Another process' view of the database, with a connection open."""
    db = Database(sqlite_url)
    db.ping()
    yield db
    db.dispose()


def away(path: Path) -> Path:
    """The file, renamed."""
    return path.rename(path.with_name("away.db"))


def log_of(path: Path) -> tuple[Path, Path]:
    """The write-ahead log and its index."""
    return path.with_name(f"{path.name}-wal"), path.with_name(f"{path.name}-shm")


def backup(path: Path) -> Path:
    """A copy that is a whole database by itself, in another place."""
    copy = path.with_name("copy.db")
    with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(copy)) as target:
        source.backup(target)
    return copy


def calls(db: Database) -> list[Callable[[], object]]:
    """A look, a read and a write."""
    return [db.ping, lambda: queries.workers(db, silent_seconds=60), lambda: factories.submit(db)]


def test_a_new_file_is_its_users_alone(quick_dir: Path) -> None:
    """Its write-ahead log too: nobody else on the machine can read whose jobs there are."""
    path = quick_dir / "new.db"
    db = Database(f"sqlite:///{path}")
    migrations.upgrade(db)
    factories.submit(db)
    assert {one.stat().st_mode & 0o777 for one in (path, *log_of(path))} == {0o600}
    db.dispose()


def test_the_last_connection_is_closed_while_another_is_opened(
    sqlite_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The log rightly goes with the last connection: nobody takes it for one that was removed."""
    engine = sqlite_database.engine
    last = engine.connect()
    closing_last = threading.Thread(target=last.invalidate)
    look = DatabaseFile._present

    def pause(file: DatabaseFile) -> object:
        if closing_last.ident is None:
            closing_last.start()
            closing_last.join(timeout=0.5)  # it waits for this look, or ends before it
        return look(file)

    with monkeypatch.context() as patched:
        patched.setattr(DatabaseFile, "_present", pause)
        engine.connect().close()
    closing_last.join()
    sqlite_database.ping()


def assert_refused(db: Database, match: str) -> None:
    """Everything is, with this message."""
    for call in calls(db):
        with pytest.raises(DatabaseUnavailable, match=match):
            call()


class TestGone:
    @pytest.mark.parametrize("remove", [away, os.unlink], ids=["renamed", "removed"])
    def test_nothing_is_accepted(self, sqlite_database: Database, path: Path, remove: Callable[[Path], object]) -> None:
        """Nor is a new file made."""
        factories.submit(sqlite_database)
        remove(path)

        assert_refused(sqlite_database, f"{path} is gone: removed, renamed, or on a disk that is not mounted")

        assert not path.exists()

    def test_who_looks_at_leases_then_judges_nobody(self, sqlite_database: Database, path: Path) -> None:
        """What this process could say of others' silence is forgotten."""
        clock = Clock()
        watch = LeaseWatch(sqlite_database, 1.0, clock)
        watch.check()
        assert watch.health.healthy_for(0)
        away(path)

        with pytest.raises(DatabaseUnavailable):
            watch.check()

        assert not watch.health.healthy_for(0)

    def test_it_comes_back(self, sqlite_database: Database, path: Path) -> None:
        """Everything goes on with the same connections, jobs and claims."""
        claim = factories.running(sqlite_database)
        where = away(path)
        with pytest.raises(DatabaseUnavailable):
            attempts.heartbeat(sqlite_database, claim, 30)

        where.rename(path)

        assert attempts.heartbeat(sqlite_database, claim, 30) is not None
        factories.succeed(sqlite_database, claim)
        assert [call() is not None for call in calls(sqlite_database)] == [False, True, True]

    def test_its_folder_is_renamed(self, quick_dir: Path, sqlite_template: Path) -> None:
        """As a disk that is not mounted; the folder is not made again."""
        folder = quick_dir / "disk"
        folder.mkdir()
        db = Database(f"sqlite:///{shutil.copy(sqlite_template, folder / 'x.db')}")
        job_id = factories.submit(db)
        folder.rename(quick_dir / "unmounted")
        assert_refused(db, "is gone")
        assert not folder.exists()

        (quick_dir / "unmounted").rename(folder)
        assert queries.job(db, job_id, actor=EVERYBODY)["status"] == "queued"
        db.dispose()

    def test_a_write_during_which_it_goes_is_not_said_to_be_kept(self, sqlite_database: Database, path: Path) -> None:
        """It may have gone into a file that nobody will see again."""

        def work(connection: Connection) -> None:
            connection.execute(select(Lock.name)).all()
            away(path)

        with pytest.raises(DatabaseUnavailable, match="is gone"):
            sqlite_database.write(work)

    def test_it_is_said_once(self, sqlite_database: Database, path: Path, caplog: pytest.LogCaptureFixture) -> None:
        """However many transactions meet it; and once more when it is back."""
        caplog.set_level(logging.WARNING, "shared.database.file")
        sqlite_database.ping()
        where = away(path)
        for _ in range(3):
            assert_refused(sqlite_database, "is gone")
        where.rename(path)
        for _ in range(3):
            sqlite_database.ping()

        assert [record.message for record in caplog.records] == ["database_file_moved", "database_file_back"]

    def test_a_process_that_starts_meanwhile(self, sqlite_url: str, path: Path) -> None:
        """It makes no database either: only a migration does."""
        where = away(path)
        db = Database(sqlite_url)
        assert_refused(db, "There is no database file .*put it back; otherwise `flightline migrate`")
        assert not path.exists()

        where.rename(path)
        db.ping()
        db.dispose()

    def test_migrating_makes_it(self, quick_dir: Path) -> None:
        """With the folders above it."""
        db = Database(f"sqlite:///{quick_dir / 'new' / 'place' / 'x.db'}")
        migrations.upgrade(db)
        actions.cancel(db, factories.submit(db), actor=EVERYBODY)
        db.dispose()

    def test_a_fork_and_idle_connections_are_no_reason(self, sqlite_database: Database, path: Path) -> None:
        """Once all connections are closed SQLite removes the log itself, and the next one begins another."""
        for _ in range(3):
            together(*[sqlite_database.ping] * 8)
            sqlite_database.dispose()
            assert not any(one.exists() for one in log_of(path))
            factories.submit(sqlite_database)

    def test_a_symbolic_link(self, sqlite_database: Database, path: Path) -> None:
        """The log lies beside the file itself; a link that leads elsewhere is another file."""
        link = path.with_name("link.db")
        link.symlink_to(path)
        db = Database(f"sqlite:///{link}")
        factories.submit(db)
        sqlite_database.ping()

        link.unlink()
        assert_refused(db, "is gone")
        db.dispose()


class TestReplaced:
    def test_by_a_good_database(self, sqlite_database: Database, other: Database, path: Path) -> None:
        """It is opened by everybody; a worker's claim of before is nobody's there, and refused."""
        kept = factories.submit(sqlite_database)
        copy = backup(path)
        claim = factories.running(sqlite_database)
        for one in (path, *log_of(path)):
            one.unlink()
        copy.rename(path)

        for db in (sqlite_database, other):
            assert queries.job(db, kept, actor=EVERYBODY)["status"] == "queued"
            with pytest.raises(JobNotFound):
                queries.job(db, claim.job_id, actor=EVERYBODY)
        assert attempts.heartbeat(sqlite_database, claim, 30) is None
        new = factories.submit(sqlite_database)
        assert queries.job(other, new, actor=EVERYBODY)["status"] == "queued"

    def test_while_another_thread_is_in_the_middle_of_a_read(self, sqlite_database: Database, path: Path) -> None:
        """Its connection is of the file of before: that one's end, and a fork after it, are no fault of the new one."""
        together(*[sqlite_database.ping] * 8)
        copy = backup(path)
        with sqlite_database.read(), ThreadPoolExecutor(1) as thread:
            for one in (path, *log_of(path)):
                one.unlink()
            copy.rename(path)
            for _ in range(8):
                thread.submit(sqlite_database.ping).result()

        sqlite_database.before_fork()

        sqlite_database.ping()
        factories.submit(sqlite_database)

    def test_another_worker_has_an_attempt_of_the_same_number_there(
        self, sqlite_database: Database, path: Path
    ) -> None:
        """The one that claimed the job in the database of before changes nothing of it any more."""
        job_id = factories.submit(sqlite_database)
        copy = backup(path)
        before = factories.claim(sqlite_database, job_id, "host:cpu:1")
        for one in (path, *log_of(path)):
            one.unlink()
        copy.rename(path)

        now = factories.claim(sqlite_database, job_id, "host:cpu:2")

        assert now.attempt == before.attempt
        nothing: dict[str, Any] = {"epochs": [], "evaluations": [], "artifacts": []}
        assert not attempts.record_epochs(sqlite_database, before, factories.epoch_rows(1, 1), factories.best())
        assert not attempts.record_checkpoint(sqlite_database, before, {"entries": []})
        assert not attempts.log(sqlite_database, before, [Line("INFO", "I am here")], keep=10)
        assert not attempts.succeed(sqlite_database, before, best={}, exact=True, **nothing)
        assert attempts.end(sqlite_database, before, Ending(Outcome.CANCELLED)) is None
        assert attempts.heartbeat(sqlite_database, before, 30) is None
        assert attempts.heartbeat(sqlite_database, now, 30) is not None
        factories.succeed(sqlite_database, now)
        assert not attempts.succeed(sqlite_database, before, best={}, exact=True, **nothing)

    def test_it_lacks_epochs_that_its_worker_has_recorded_in_the_one_before(
        self, sqlite_database: Database, path: Path
    ) -> None:
        """The attempt loses the job, whatever it writes next: otherwise that would end well with epochs missing."""
        claim = factories.running(sqlite_database)
        attempts.record_epochs(sqlite_database, claim, factories.epoch_rows(1, 2), factories.best())
        copy = backup(path)
        attempts.record_epochs(sqlite_database, claim, factories.epoch_rows(3, 4), factories.best())
        for one in (path, *log_of(path)):
            one.unlink()
        copy.rename(path)

        result: dict[str, Any] = {"best": factories.best(), "exact": True, "evaluations": [], "artifacts": []}
        assert not attempts.record_epochs(sqlite_database, claim, factories.epoch_rows(5, 6), factories.best())
        assert not attempts.record_checkpoint(sqlite_database, claim, {"entries": []}, finished_epochs=4)
        assert not attempts.succeed(sqlite_database, claim, epochs=[], finished_epochs=4, **result)
        last = factories.epoch_rows(5, 5)
        assert not attempts.succeed(sqlite_database, claim, epochs=last, finished_epochs=5, **result)
        assert queries.job(sqlite_database, claim.job_id, actor=EVERYBODY)["progress"]["epoch"] == 2

    def test_beside_the_log_of_the_one_before(self, sqlite_database: Database, other: Database, path: Path) -> None:
        """SQLite would take that log for the new file's: it is not opened until the log is gone."""
        kept = factories.submit(sqlite_database)
        copy = backup(path)
        factories.submit(sqlite_database)
        before = copy.read_bytes()
        copy.rename(path)

        for db in (sqlite_database, other):
            assert_refused(db, f"beside the write-ahead log of the one before.*remove {path}-wal and {path}-shm")
        assert path.read_bytes() == before

        for one in log_of(path):
            one.unlink()
        assert queries.job(other, kept, actor=EVERYBODY)["status"] == "queued"
        factories.submit(sqlite_database)

    @pytest.mark.parametrize("content", [b"", b"no database " * 1000], ids=["empty", "text"])
    def test_by_something_else(self, sqlite_database: Database, path: Path, content: bytes) -> None:
        """It is left as it is, and when the first one returns everything goes on."""
        job_id = factories.submit(sqlite_database)
        files = (path, *log_of(path))
        kept = [one.rename(one.with_name(f"kept-{one.name}")) for one in files]
        path.write_bytes(content)

        assert_refused(sqlite_database, "holds no database of Flightline")

        assert path.read_bytes() == content
        for one, where in zip(files, kept, strict=True):
            where.rename(one)
        assert queries.job(sqlite_database, job_id, actor=EVERYBODY)["status"] == "queued"


class TestLog:
    @pytest.mark.parametrize("which", [[0], [1], [0, 1]], ids=["wal", "shm", "both"])
    def test_what_it_holds_is_written_into_the_file(
        self, sqlite_database: Database, other: Database, path: Path, which: list[int]
    ) -> None:
        """Nothing more is, until Flightline is started again; and then nothing is missing."""
        job_ids = [factories.submit(sqlite_database) for _ in range(5)]
        for number in which:
            log_of(path)[number].unlink()

        for db in (sqlite_database, other):
            assert_refused(db, "write-ahead log of the database .* has been written into the database file; stop")

        for db in (sqlite_database, other):
            db.dispose()
        restarted = Database(f"sqlite:///{path}")
        assert [queries.job(restarted, job_id, actor=EVERYBODY)["status"] for job_id in job_ids] == ["queued"] * 5
        restarted.dispose()

    def test_it_comes_back(self, sqlite_database: Database, path: Path) -> None:
        """Everything goes on."""
        job_id = factories.submit(sqlite_database)
        log = log_of(path)[0]
        where = log.rename(log.with_name("log"))
        assert_refused(sqlite_database, "write-ahead log")

        where.rename(log)

        assert actions.cancel(sqlite_database, job_id, actor=EVERYBODY) == "cancelled"
