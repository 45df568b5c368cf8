"""Access to the SQL database: one engine per process, short transactions, the same for SQLite and PostgreSQL.

On SQLite a transaction that begins as a read and turns into a write can fail with *locked* at once. So callers choose
between `read()` and `write()` beforehand, and a write takes SQLite's lock at its start (``BEGIN IMMEDIATE``).
"""

from __future__ import annotations

import os
import select
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from typing import TYPE_CHECKING, Any, TypeVar

import orjson
from sqlalchemy import URL, Connection, Engine, create_engine, event, text
from sqlalchemy.exc import DBAPIError, InvalidatePoolError, OperationalError, ProgrammingError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from shared.database import url_check
from shared.database.file import DatabaseFile, FileMoved, FileReplaced
from shared.database.fork_gate import GATE
from shared.database.text import clean_all
from shared.errors import DatabaseUnavailable, DatabaseUnusable

if TYPE_CHECKING:
    import psycopg  # 7 MB of memory that a process on SQLite saves

T = TypeVar("T")

TRY_AGAIN = "Nothing was changed; try again in a moment."
"""The end of the messages about a database that is unavailable."""
_WRITE_TRIES = 3
_BUSY_TIMEOUT_MS = 10_000
_WAL_WAIT = 0.002
"""Seconds between two attempts to set a new file's journal mode."""
_RETRYABLE_SQLSTATES = {"40001", "40P01"}  # serialization failure, deadlock
_UNDEFINED_SQLSTATES = {"42P01", "42703"}  # table, column
_DISK_FULL_SQLSTATE = "53100"
_UNDEFINED_WORDS = ("no such table", "no such column", "has no column named")
# A process frozen inside a transaction would lock its job's row forever: PostgreSQL aborts that transaction. And it
# would compile queries whose cost it overestimates, which takes it longer than any of ours.
_SESSION = "SET idle_in_transaction_session_timeout = '10s'; SET jit = off"


class Database:
    """A database by its SQLAlchemy URL. Safe to share between threads and to use in a forked child."""

    def __init__(self, url: str) -> None:
        self._url = url_check.parsed(url)
        self._engine: Engine | None = None
        self._inherited: Engine | None = None
        self._pid = 0
        self._making = threading.Lock()
        self._file = DatabaseFile(str(self._url.database)) if self.is_sqlite else None
        GATE.close_before(self)

    @property
    def engine(self) -> Engine:
        """Return this process's own engine: parent and forked child must not share connections."""
        # Inside the gate, so that no child inherits the lock while it is held.
        with GATE.inside(), self._making:
            if self._engine is None or self._pid != os.getpid():
                # The parent's engine is not disposed of: closing its sockets would end the parent's connections too.
                self._inherited = self._engine
                self._engine, self._pid = _make_engine(self._url), os.getpid()
                if self._file is not None:
                    self._file.watch(self._engine)
            return self._engine

    @property
    def name(self) -> str:
        """Return the subject for error messages: SQLite's file by its path, or the setting that names the database."""
        if self.is_sqlite:
            return f"The database file {self._url.database}"
        return "The database that FLIGHTLINE_DATABASE_URL names"

    @property
    def is_sqlite(self) -> bool:
        """Whether this is SQLite, the embedded database."""
        return self._url.get_backend_name() == "sqlite"

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Open a transaction with a consistent view of the database; it is rolled back at its end.

        Raises:
            DatabaseUnavailable: the database is unavailable, or lacks its tables.
        """
        with GATE.inside(), self._translated(), self._connect() as connection:
            if not self.is_sqlite:
                _begin_read(connection)
            yield connection
            if not self.is_sqlite:
                _roll_back(connection)

    @contextmanager
    def glance(self) -> Iterator[Connection]:
        """Open a connection for one statement that reads: on PostgreSQL no transaction is begun and ended around it.

        Raises:
            DatabaseUnavailable: as for `read`.
        """
        if self.is_sqlite:
            with self.read() as connection:
                yield connection
            return
        with GATE.inside(), self._translated(), self._connect() as connection:
            driver: Any = connection.connection.driver_connection
            driver.autocommit = True
            try:
                yield connection
            finally:
                if not driver.closed:
                    driver.autocommit = False

    def write(self, work: Callable[[Connection], T]) -> T:
        """Run `work` in one transaction and commit; repeat all of it after a conflict with another writer.

        Because it may be repeated, `work` must have no effects beside its SQL.

        Raises:
            DatabaseUnavailable: the database is unavailable. The commit may or may not have happened.
        """
        for remaining in reversed(range(_WRITE_TRIES)):
            try:
                with GATE.inside(), self._translated():
                    return self._write_once(work)
            except DatabaseUnavailable as error:
                if not remaining or not _is_conflict(error.__cause__):
                    raise
        raise AssertionError

    @contextmanager
    def _connect(self, **options: Any) -> Iterator[Connection]:
        connection = self._current_connection()
        pool = connection.engine.pool
        try:
            yield connection.execution_options(**options) if options else connection
        finally:
            connection.close()
            if connection.engine.pool is not pool:  # disposed of by a fork in the meantime
                pool.dispose()

    def _current_connection(self) -> Connection:
        """Return a connection to the file that is now at the database's path, for SQLite; any connection otherwise."""
        connection = self.engine.connect()
        try:
            if self._is_current(connection):
                return connection
        except DBAPIError:
            connection.close()
            raise
        connection.close()
        self.dispose()
        return self.engine.connect()

    def _is_current(self, connection: Connection) -> bool:
        """Whether the connection's file is still the one at the database's path; False where it was replaced."""
        try:
            return self._file is None or self._file.check(connection)
        except FileMoved as error:
            raise OperationalError("stat", None, error) from error

    def _write_once(self, work: Callable[[Connection], T]) -> T:
        with self._connect(flightline_write=True) as connection:
            result = work(connection)
            connection.commit()
            if not self._is_current(connection):
                raise OperationalError(
                    "commit", None, FileReplaced("The database was replaced in the middle of a write.")
                )
            return result

    def create(self) -> None:
        """Create the file of an SQLite database unless it exists. Only for callers that then create the tables.

        Raises:
            DatabaseUnavailable: the file cannot be created.
        """
        try:
            if self._file is not None:
                self._file.create()
        except OSError as error:
            raise DatabaseUnavailable(
                f"The database file {self._url.database} cannot be created ({error.strerror}). Check its folder, or "
                "name another one in FLIGHTLINE_DATABASE_URL."
            ) from error

    def ping(self) -> None:
        """Raise `DatabaseUnavailable` unless the database answers and has its tables."""
        with self.read() as connection:
            connection.execute(text("SELECT 1 FROM jobs LIMIT 1"))

    def fold(self) -> None:
        """Move SQLite's write-ahead log into the database file and empty the log, at the very end.

        Raises:
            DatabaseUnavailable: the log cannot be moved; nothing is lost, and the next start reads it.
        """
        if not self.is_sqlite:
            return
        try:
            # A checkpoint needs a connection without an open transaction.
            with closing(self.engine.raw_connection()) as connection:
                connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")
        except sqlite3.Error as error:
            raise DatabaseUnavailable(
                f"The write-ahead log of {self._url.database} could not be emptied ({error})."
            ) from error

    def dispose(self) -> None:
        """Close this process's connections."""
        if self._engine is not None and self._pid == os.getpid():
            self._engine.dispose()

    def before_fork(self) -> None:
        """Close SQLite's connections, as even idle ones must not be inherited by a forked child."""
        if self.is_sqlite:
            self.dispose()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except PoolTimeout as error:
            message = f"Every connection to the database is in use. {TRY_AGAIN}"
            raise DatabaseUnavailable(message) from error
        except (OperationalError, ProgrammingError) as error:
            raise _explain(error, self._url) from error
        except DBAPIError as error:
            if not (error.connection_invalidated or _is_broken_file(error)):
                raise
            raise _explain(error, self._url) from error


def _is_conflict(error: BaseException | None) -> bool:
    original = error.orig if isinstance(error, DBAPIError) else None
    if isinstance(original, sqlite3.OperationalError):
        return _is_busy(original)
    return getattr(original, "sqlstate", None) in _RETRYABLE_SQLSTATES


def _is_busy(error: sqlite3.OperationalError) -> bool:
    code: int = getattr(error, "sqlite_errorcode", 0)  # errors raised by the driver itself have no code
    return code & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def _explain(error: DBAPIError, url: URL) -> DatabaseUnavailable:
    reason = str(error.orig).strip().splitlines()[0] if str(error.orig).strip() else type(error.orig).__name__
    if isinstance(error.orig, FileMoved):
        return DatabaseUnavailable(reason) if isinstance(error.orig, FileReplaced) else DatabaseUnusable(reason)
    undefined = getattr(error.orig, "sqlstate", None) in _UNDEFINED_SQLSTATES
    if undefined or any(words in reason for words in _UNDEFINED_WORDS):
        return DatabaseUnusable(f"The database lacks tables of this release ({reason}): run `flightline migrate`.")
    if _is_broken_file(error):
        return DatabaseUnusable(
            f"The database file {url.database} is damaged, or not an SQLite database ({reason}). Replace it by a "
            "good copy, or name another one in FLIGHTLINE_DATABASE_URL."
        )
    if _is_closed_file(error):
        return DatabaseUnusable(
            f"The database file {url.database} cannot be opened or written ({reason}). Check folder and "
            "permissions, or name another one in FLIGHTLINE_DATABASE_URL."
        )
    if _is_full(error):
        where = f"of the database file {url.database}" if url.get_backend_name() == "sqlite" else "of the database"
        return DatabaseUnusable(f"The disk {where} is full ({reason}). Nothing was changed; free some space there.")
    if isinstance(error, ProgrammingError):
        raise error
    return DatabaseUnavailable(f"The database does not answer ({reason}). {TRY_AGAIN}")


def _is_full(error: DBAPIError) -> bool:
    if getattr(error.orig, "sqlstate", None) == _DISK_FULL_SQLSTATE:
        return True
    code: int = getattr(error.orig, "sqlite_errorcode", 0)
    return code & 0xFF == sqlite3.SQLITE_FULL or code == sqlite3.SQLITE_IOERR_SHMSIZE  # no room for the log's index


def _is_closed_file(error: DBAPIError) -> bool:
    code: int = getattr(error.orig, "sqlite_errorcode", 0)
    return code & 0xFF in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM)


def _is_broken_file(error: DBAPIError) -> bool:
    return type(error.orig) is sqlite3.DatabaseError  # exactly this class: damaged, or not a database


def _make_engine(url: URL) -> Engine:
    options: dict[str, Any] = {"json_serializer": _dumps, "json_deserializer": orjson.loads}
    if url.get_backend_name() == "sqlite":
        engine = create_engine(
            url, pool_size=8, max_overflow=64, connect_args={"timeout": _BUSY_TIMEOUT_MS / 1000}, **options
        )
        event.listen(engine, "connect", _configure_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    arguments = {"connect_timeout": 5, "keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3}
    # Keep-alives do not cover a connection that awaits an answer: without this, the loss of the server's machine would
    # go unnoticed for a quarter of an hour.
    arguments["tcp_user_timeout"] = 20_000
    options |= {"pool_timeout": 5, "pool_use_lifo": True}  # few connections know many prepared statements
    engine = create_engine(url, pool_size=8, max_overflow=24, connect_args=arguments, **options)
    event.listen(engine, "connect", _configure_postgresql)
    event.listen(engine, "checkout", _require_silence)
    return engine


def _configure_postgresql(connection: psycopg.Connection, _record: object) -> None:
    connection.execute(_SESSION)
    connection.commit()


def _begin_read(connection: Connection) -> None:
    """Begin a read past psycopg, whose level would be set before each and set back after it.

    Where the connection is lost, the first statement says so.
    """
    driver: Any = connection.connection.driver_connection
    with suppress(connection.dialect.loaded_dbapi.Error):
        driver.pgconn.exec_(b"BEGIN ISOLATION LEVEL REPEATABLE READ")
    if driver.info.transaction_status.name == "IDLE":
        connection.execution_options(isolation_level="REPEATABLE READ")


def _roll_back(connection: Connection) -> None:
    """End a read past psycopg, which forgets at each rollback which statements it has prepared."""
    if not connection.invalidated:
        driver: Any = connection.connection.driver_connection
        if driver.info.transaction_status.name == "INTRANS":
            driver.pgconn.exec_(b"ROLLBACK")


def _require_silence(connection: psycopg.Connection, _record: object, _proxy: object) -> None:
    """Replace an idle connection that the server has ended: its end is all that a server says unasked.

    To ask the server instead would cost as much as a statement.
    """
    said = select.poll()
    said.register(connection.fileno(), select.POLLIN)
    if said.poll(0):
        raise InvalidatePoolError


def _configure_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # the driver begins no transactions; _begin_sqlite does
    _turn_to_wal(connection)
    for pragma in ("synchronous=FULL", "foreign_keys=ON", f"busy_timeout={_BUSY_TIMEOUT_MS}"):
        connection.execute(f"PRAGMA {pragma}")


def _turn_to_wal(connection: sqlite3.Connection) -> None:
    """Set the journal's mode, which a new file learns once; SQLite waits for no other connection that does the same."""
    end = time.monotonic() + _BUSY_TIMEOUT_MS / 1000
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if not _is_busy(error) or time.monotonic() > end:
                raise
        time.sleep(_WAL_WAIT)


def _begin_sqlite(connection: Connection) -> None:
    if connection.get_execution_options().get("flightline_write", False):
        connection.exec_driver_sql("BEGIN IMMEDIATE")  # which waits for another writer, and may fail
    else:
        driver: Any = connection.connection.driver_connection
        driver.execute("BEGIN")


def _dumps(value: object) -> str:
    try:
        return orjson.dumps(value).decode()
    except orjson.JSONEncodeError:
        return orjson.dumps(clean_all(value)).decode()
