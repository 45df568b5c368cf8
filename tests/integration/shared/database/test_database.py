"""Transactions, forks and outages."""

from __future__ import annotations

import os
import signal
import sqlite3
import threading
import warnings
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import URL, Connection, Engine, insert, select, text, update
from sqlalchemy.exc import IntegrityError, OperationalError, ProgrammingError
from sqlalchemy.pool import QueuePool

import migrations
import shared.database.engine
from shared.database import clock
from shared.database.engine import Database
from shared.database.tables import Job, Lock, Worker
from shared.errors import ConfigurationError, DatabaseUnavailable, DatabaseUnusable
from shared.jobs import actions
from shared.jobs.actor import EVERYBODY
from shared.jobs.reads import queries
from shared.jobs.running import attempts
from tests.support import factories
from tests.support.concurrency import together
from tests.support.servers import PostgresServer, start_postgres


def _names(db: Database) -> list[str]:
    with db.read() as connection:
        return list(connection.scalars(select(Lock.name).order_by(Lock.name)))


def _lock(connection: Connection, name: str) -> None:
    connection.execute(insert(Lock).values(name=name, holder="me", expires_at=clock.database_now(connection)))


class TestTransactions:
    def test_a_write_is_whole_or_not_there(self, database: Database) -> None:
        """An error inside undoes everything before it, and comes out as it is."""

        def work(connection: Connection) -> None:
            _lock(connection, "a")
            raise KeyError

        with pytest.raises(KeyError):
            database.write(work)
        assert _names(database) == []

    def test_what_is_written_while_reading_is_not_kept(self, database: Database) -> None:
        """`read` never commits."""
        with database.read() as connection:
            _lock(connection, "a")
        assert _names(database) == []

    def test_a_read_sees_one_moment(self, database: Database) -> None:
        """What others commit meanwhile is in the next one."""
        with database.read() as connection:
            assert connection.scalars(select(Lock.name)).all() == []
            database.write(lambda other: _lock(other, "a"))
            assert connection.scalars(select(Lock.name)).all() == []
        assert _names(database) == ["a"]

    def test_a_glance_leaves_no_transaction(self, database: Database) -> None:
        """Nor one that fails: the connection then sees one moment again."""
        for statement in ("SELECT 1", "SELECT mistake"):
            with suppress(DatabaseUnavailable, ProgrammingError), database.glance() as connection:
                connection.execute(text(statement))
        self.test_a_read_sees_one_moment(database)
        with database.glance() as connection:
            assert connection.scalars(select(Lock.name)).all() == ["a"]

    def test_writers_begin_rounds(self, database: Database) -> None:
        """None of many at once fails, and none is lost."""

        def increment(connection: Connection) -> None:
            connection.execute(update(Job).values(event_seq=Job.event_seq + 1))

        job_id = factories.submit(database)
        together(*[lambda: [database.write(increment) for _ in range(10)]] * 8)

        with database.read() as connection:
            assert connection.scalar(select(Job.event_seq).where(Job.id == job_id)) == 81

    def test_the_whole_transaction_runs_again_after_a_conflict(self, database: Database) -> None:
        """As often as it takes, within reason."""
        conflict = sqlite3.OperationalError("database is locked")
        conflict.sqlite_errorcode = sqlite3.SQLITE_BUSY_SNAPSHOT
        runs: list[int] = []

        def work(connection: Connection) -> str:
            runs.append(1)
            _lock(connection, f"run {len(runs)}")
            if len(runs) < 3:
                error = conflict if database.is_sqlite else psycopg.errors.SerializationFailure("try again")
                raise OperationalError("UPDATE", {}, error)
            return "done"

        assert database.write(work) == "done"
        assert _names(database) == ["run 3"]

    def test_a_deadlock_is_no_error(self, postgres_database: Database) -> None:
        """PostgreSQL ends one of the two, which then runs again."""
        for name in ("a", "b"):
            postgres_database.write(lambda connection, name=name: _lock(connection, name))  # type: ignore[misc]
        both, met = threading.Barrier(2), list[str]()

        def take(first: str, second: str) -> None:
            def work(connection: Connection) -> None:
                connection.execute(update(Lock).where(Lock.name == first).values(holder=first))
                if first not in met:
                    met.append(first)
                    both.wait()
                connection.execute(update(Lock).where(Lock.name == second).values(holder=first))

            postgres_database.write(work)

        together(lambda: take("a", "b"), lambda: take("b", "a"))
        assert len(set(postgres_database.write(lambda connection: connection.scalars(select(Lock.holder)).all()))) == 1

    def test_mistakes_in_data_come_out_as_they_are(self, database: Database) -> None:
        """They are bugs, not outages."""
        database.write(lambda connection: _lock(connection, "a"))
        with pytest.raises(IntegrityError):
            database.write(lambda connection: _lock(connection, "a"))

    def test_mistakes_in_sql_are_no_outage(self, postgres_database: Database) -> None:
        """PostgreSQL tells a syntax error from trouble."""
        with pytest.raises(ProgrammingError):
            postgres_database.write(lambda connection: connection.execute(text("SELEC 1")))

    def test_foreign_keys_hold(self, database: Database) -> None:
        """On SQLite too, where they are off unless asked for."""

        def work(connection: Connection) -> None:
            values = {"line": 1, "attempt": 1, "level": "INFO", "message": "x", "now": "2026-01-01 00:00:00.000"}
            statement = "INSERT INTO job_log VALUES ('nobody', :line, :attempt, :level, :message, :now)"
            connection.execute(text(statement), values)

        with pytest.raises(IntegrityError):
            database.write(work)

    def test_sqlite_is_durable_and_lets_readers_be(self, sqlite_database: Database) -> None:
        """A write-ahead log, synced at every commit."""
        with sqlite_database.read() as connection:
            pragmas = [connection.scalar(text(f"PRAGMA {name}")) for name in ("journal_mode", "synchronous")]

        assert pragmas == ["wal", 2]

    def test_many_open_a_new_file_at_once(self, tmp_path: Path) -> None:
        """SQLite itself does not wait where two turn a new file to a write-ahead log: it says that it is locked."""
        for number in range(40):
            several = [Database(f"sqlite:///{tmp_path}/{number}.db") for _ in range(6)]
            several[0].create()
            together(*[database.engine.connect for database in several])
            for database in several:
                database.dispose()

    def test_a_writer_does_not_keep_readers_out(self, database: Database) -> None:
        """They see what was committed last."""
        with database.engine.connect().execution_options(flightline_write=True) as writer:
            _lock(writer, "a")
            assert _names(database) == []
            writer.commit()

        assert _names(database) == ["a"]


class TestForks:
    def test_a_child_has_connections_of_its_own(self, database: Database) -> None:
        """And the parent's still work when it has ended."""
        job_id = factories.submit(database)

        assert _in_child(lambda: actions.cancel(database, job_id, actor=EVERYBODY) == "cancelled")

        assert queries.job(database, job_id, actor=EVERYBODY)["status"] == "cancelled"

    def test_a_fork_amid_other_threads_transactions(self, database: Database) -> None:
        """The child does not inherit a lock that nobody would ever release."""
        stop = threading.Event()
        job_id = factories.submit(database)

        def write() -> None:
            while not stop.is_set():
                database.write(lambda connection: connection.execute(update(Job).values(event_seq=Job.event_seq + 1)))

        threads = [threading.Thread(target=write) for _ in range(2)]
        for thread in threads:
            thread.start()
        try:
            results = [_in_child(lambda: bool(factories.submit(database))) for _ in range(5)]
        finally:
            stop.set()
            for thread in threads:
                thread.join()

        assert results == [True] * 5
        assert actions.cancel(database, job_id, actor=EVERYBODY) == "cancelled"

    def test_a_fork_inside_ones_own_transaction(self, database: Database) -> None:
        """It does not wait for itself."""
        with database.read() as connection:
            connection.execute(select(Lock.name)).all()
            assert _in_child(lambda: True)

    def test_what_was_in_use_at_a_fork_is_closed_after_it(self, sqlite_database: Database) -> None:
        """Its pool was given up at the fork, and nobody would close what that holds."""
        with sqlite_database.read() as connection:
            pool = connection.engine.pool
            assert _in_child(lambda: True)
        assert isinstance(pool, QueuePool)
        assert (pool is sqlite_database.engine.pool, pool.checkedin()) == (False, 0)


def _in_child(call: object) -> bool:
    """Whether `call()` is true in a forked process."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12 says that threads and forks do not mix
        child = os.fork()
    if child == 0:  # pragma: no cover -- measured in the parent alone
        signal.alarm(60)
        try:
            os._exit(0 if call() else 1)  # type: ignore[operator]
        except BaseException:  # noqa: BLE001 -- the parent's test goes on in the parent
            os._exit(2)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


class TestOutages:
    @pytest.fixture
    def own_server(self, postgres_server: PostgresServer) -> Iterator[PostgresServer]:
        """A PostgreSQL to kill (the other one says whether there is any)."""
        server = start_postgres()
        yield server
        server.remove()

    def test_a_killed_server_is_an_outage_and_comes_back(self, own_server: PostgresServer) -> None:
        """Each call fails clearly; once the server is back, so is everything, without a restart of ours."""
        db = Database(own_server.create("flightline"))
        migrations.upgrade(db)
        claim = factories.running(db)
        db.ping()

        own_server.kill(signal.SIGQUIT)
        for call in (db.ping, lambda: factories.submit(db), lambda: attempts.heartbeat(db, claim, 30)):
            with pytest.raises(DatabaseUnavailable, match="does not answer"):
                call()

        own_server.start()
        assert attempts.heartbeat(db, claim, 30) is not None
        db.dispose()

    def test_a_connection_that_breaks_in_a_transaction(self, postgres_database: Database) -> None:
        """Nothing half done stays, and the next transaction has a new connection."""

        def work(connection: Connection) -> None:
            _lock(connection, "a")
            connection.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))

        with pytest.raises(DatabaseUnavailable):
            postgres_database.write(work)
        assert _names(postgres_database) == []

    def test_nobody_listens(self) -> None:
        """The message has no password in it."""
        db = Database("postgresql://flightline:geheim@127.0.0.1:1/flightline")

        with pytest.raises(DatabaseUnavailable) as caught:
            db.ping()
        assert "geheim" not in caught.value.detail

    def test_no_tables_yet(self, empty_database: Database) -> None:
        """The message says what to run."""
        for call in (empty_database.ping, lambda: factories.submit(empty_database)):
            with pytest.raises(DatabaseUnusable, match="flightline migrate"):
                call()

    def test_tables_of_an_older_release(self, database: Database) -> None:
        """As well."""
        worker = insert(Worker).values(id="w")
        database.write(lambda connection: connection.execute(text("ALTER TABLE locks RENAME COLUMN holder TO owner")))
        try:
            with pytest.raises(DatabaseUnusable, match="flightline migrate"):
                database.write(lambda connection: _lock(connection, "a"))
        finally:
            undo = text("ALTER TABLE locks RENAME COLUMN owner TO holder")
            database.write(lambda connection: connection.execute(undo))
        with pytest.raises(IntegrityError):
            database.write(lambda connection: connection.execute(worker))

    def test_a_file_that_is_no_database(self, tmp_path: Path) -> None:
        """The message says which setting to look at."""
        (tmp_path / "x.db").write_bytes(b"no database " * 1000)

        with pytest.raises(DatabaseUnavailable, match="FLIGHTLINE_DATABASE_URL"):
            Database(f"sqlite:///{tmp_path / 'x.db'}").ping()

    def test_a_lock_that_is_held_for_too_long(
        self, sqlite_database: Database, sqlite_url: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A frozen writer is an outage for the others."""
        monkeypatch.setattr("shared.database.engine._BUSY_TIMEOUT_MS", 20)
        sqlite_database.ping()
        other = Database(sqlite_url)
        other.ping()

        with sqlite_database.engine.connect().execution_options(flightline_write=True) as holder:
            _lock(holder, "a")
            with pytest.raises(DatabaseUnavailable, match="locked"):
                other.write(lambda connection: _lock(connection, "b"))
        other.write(lambda connection: _lock(connection, "b"))
        other.dispose()

    def test_a_frozen_transaction_is_ended(self, postgres_database: Database) -> None:
        """A process that stands still while it holds a job's row must not hold up everybody else."""
        with postgres_database.read() as connection:
            timeout = connection.scalar(text("SHOW idle_in_transaction_session_timeout"))

        assert timeout == "10s"

    def test_more_transactions_than_connections(self, postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
        """Those that wait for too long are told to come back."""
        db = Database(postgres_url)
        monkeypatch.setattr(db.engine.pool, "_timeout", 0.05)
        open_ones = [db.engine.connect() for _ in range(32)]
        try:
            with pytest.raises(DatabaseUnavailable, match="in use"):
                db.ping()
        finally:
            for connection in open_ones:
                connection.close()
        db.ping()
        db.dispose()


class TestUrls:
    @pytest.mark.parametrize("url", ["postgres://u@h/d", "postgresql://u@h/d", "postgresql+psycopg://u@h/d"])
    def test_spellings_of_postgresql(self, url: str) -> None:
        """All of them mean psycopg 3."""
        assert Database(url).engine.driver == "psycopg"

    @pytest.mark.parametrize("url", ["", "flightline.db", "mysql://u@h/d", "sqlite://", "sqlite:///:memory:"])
    def test_what_cannot_work_is_refused(self, url: str) -> None:
        """At the start, and by the variable's name."""
        with pytest.raises(ConfigurationError, match="FLIGHTLINE_DATABASE_URL"):
            Database(url)

    def test_a_file_in_the_home_directory(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """`~` is understood, and folders are made."""
        monkeypatch.setenv("HOME", str(tmp_path))
        db = Database("sqlite:///~/new/place/x.db")
        migrations.upgrade(db)
        db.dispose()

        assert (tmp_path / "new" / "place" / "x.db").is_file()

    def test_many_threads_at_once_make_one_engine_work(
        self, database_url: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The first use may be by all of them: one makes the engine, the others wait for it."""
        make, pause = shared.database.engine._make_engine, threading.Event()
        engines: list[Engine] = []

        def make_slowly(url: URL) -> Engine:
            pause.wait(0.2)  # so that all others find none yet
            engines.append(make(url))
            return engines[-1]

        monkeypatch.setattr(shared.database.engine, "_make_engine", make_slowly)
        db = Database(database_url)

        together(*[db.ping] * 16)

        assert engines == [db.engine]
        db.dispose()
