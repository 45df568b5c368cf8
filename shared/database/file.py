"""The file of an SQLite database, and whether a connection's file is still the one at its path.

SQLite keeps writing into a file that was removed, renamed or replaced, and those writes are lost with the process
(https://sqlite.org/howtocorrupt.html, 2.4). So every transaction compares inodes before it begins and after its commit,
by three `stat` calls of some microseconds. Only `DatabaseFile.create` creates a file; connections never do.

The write-ahead log (``-wal``) and its index (``-shm``) are part of an open database. While they belong to another file
than the one at the path, that file must not be opened: SQLite would apply the wrong log to it.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import threading
import urllib.parse
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn
from weakref import WeakSet

from sqlalchemy import Engine, event

if TYPE_CHECKING:
    from sqlalchemy import Connection

logger = logging.getLogger(__name__)

_INFO = "database_file"


class FileMoved(sqlite3.OperationalError):
    """The database's file is no longer where it was opened. The message says what to do."""


class FileReplaced(FileMoved):
    """Another file replaced the database during an operation, which may be repeated on the new file."""


Inode = tuple[int, int]
"""Device and inode number, which identify a file whatever its name."""


class Opened(NamedTuple):
    """The inodes of a connection's open files: the database, its write-ahead log, the log's index."""

    main: Inode | None
    log: Inode | None
    log_index: Inode | None


_NOTHING = Opened(None, None, None)


class DatabaseFile:
    """The database file at one path, checked for the connections of one process.

    Args:
        path: path of the database.
    """

    def __init__(self, path: str) -> None:
        self._path = os.path.abspath(path)  # noqa: PTH100 -- `Path.absolute` would keep `..`, which SQLite resolves
        self._paths = _paths(self._path, self._path)
        self._opened = _NOTHING
        self._connections: WeakSet[Any] = WeakSet()
        self._fault: str | None = None
        self._kept = False
        # The pool's threads connect, close and check concurrently. Never held across a fork: see `fork_gate`.
        self._lock = threading.RLock()

    def create(self) -> None:
        """Create an empty file that its user alone can read, and the folders above it, unless it exists.

        Raises OSError.
        """
        path = Path(self._path)
        if not path.exists():
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.touch(0o600)

    def watch(self, engine: Engine) -> None:
        """Make this engine open the file without creating one. Call after adding other listeners for ``connect``."""
        self._connections = WeakSet()
        event.listen(engine, "do_connect", self._open)
        event.listen(engine, "connect", self._note)
        event.listen(engine, "close", self._forget)

    def check(self, connection: Connection) -> bool:
        """Whether the connection's file is the one at the path; False where another usable database replaced it.

        Raises:
            FileMoved: the path has no file, or one that must not be opened beside the old one's write-ahead log.
        """
        return self._judge(connection.info[_INFO], connection)

    def _open(self, _dialect: object, record: Any, arguments: list[Any], options: dict[str, Any]) -> None:
        """Allow a new connection unless the file is missing or would be mixed with another database's log."""
        with self._lock:  # the connection that keeps the log alive must not close between check and open
            if self._connections:
                self._judge(self._opened)
        # For a database behind a symbolic link, SQLite puts the log beside the link's target.
        self._paths = _paths(self._path, os.path.realpath(self._path))
        record.info[_INFO] = present = self._present()
        if present.main is None:
            self._refuse(
                f"There is no database file {self._path}. If it was moved, or its disk is not mounted, put it back; "
                "otherwise `flightline migrate` creates a new one."
            )
        arguments[0], options["uri"] = _uri(self._path), True

    def _note(self, connection: sqlite3.Connection, record: Any) -> None:
        """Record a new connection's files, after a read that makes SQLite create the log and its index."""
        connection.execute("PRAGMA schema_version").fetchone()
        opened = self._present()
        if opened.main is None or opened.main != record.info[_INFO].main:
            message = f"The database file {self._path} was replaced while it was being opened. Try again."
            raise FileReplaced(message)
        with self._lock:
            # Connections to the previous file that are still in use do not count.
            if opened.main != self._opened.main:
                self._connections = WeakSet()
            record.info[_INFO] = self._opened = opened
            self._connections.add(record)
            self._say(None)

    def _forget(self, _connection: object, record: Any) -> None:
        """Stop counting a closed connection: SQLite removes the log with the last one, and starts another later."""
        with self._lock:
            self._connections.discard(record)

    def _judge(self, opened: Opened, connection: Connection | None = None) -> bool:
        if self._fault is None and self._present() == opened:  # the usual case, without taking the lock
            return True
        with self._lock:
            return self._judge_again(opened, connection)

    def _judge_again(self, opened: Opened, connection: Connection | None) -> bool:
        present = self._present()
        if present == opened:
            self._say(None)
            return True
        fault = self._explain(opened, present, connection)
        if fault is not None:
            self._refuse(fault)
        logger.warning("database_file_replaced", extra={"path": self._path})
        return False

    def _explain(self, opened: Opened, present: Opened, connection: Connection | None) -> str | None:
        """Return what is wrong; None where the database was replaced by another one that can be opened."""
        path = self._path
        if present.main is None:
            return (
                f"The database file {path} is gone: removed, renamed, or on a disk that is not mounted any more. "
                "Nothing is accepted until it is back: put it there again, or stop Flightline."
            )
        if present.main == opened.main:
            return self._explain_log(opened, present, connection)
        if _inodes(present) & _inodes(opened):
            return (
                f"Another database file stands at {path}, beside the write-ahead log of the one before. Put that one "
                f"back or, to go on with the new one, remove {path}-wal and {path}-shm."
            )
        return _unfit(path)

    def _explain_log(self, opened: Opened, present: Opened, connection: Connection | None) -> str:
        # The log's contents are not lost yet: this connection still has it open. But once another log was started in
        # its place, writing the old log's pages would overwrite newer ones.
        begun = (present.log or opened.log) != opened.log or (present.log_index or opened.log_index) != opened.log_index
        self._kept = self._kept or (connection is not None and not begun and _write_back(connection))
        what = "What it held has been written into the database file; stop" if self._kept else "Stop"
        return (
            f"The write-ahead log of the database ({self._path}-wal, -shm) was removed or replaced while it was in "
            f"use. {what} Flightline and start it again."
        )

    def _present(self) -> Opened:
        main, log, log_index = self._paths
        return Opened(_inode(main), _inode(log), _inode(log_index))

    def _refuse(self, fault: str) -> NoReturn:
        self._say(fault)
        raise FileMoved(fault)

    def _say(self, fault: str | None) -> None:
        """Log a change of the file's state once, however many transactions see it."""
        if fault == self._fault:
            return
        self._fault = fault
        if fault is not None:
            logger.error("database_file_moved", extra={"reason": fault})
            return
        self._kept = False
        logger.warning("database_file_back", extra={"path": self._path})


def _paths(path: str, real: str) -> tuple[str, str, str]:
    return path, f"{real}-wal", f"{real}-shm"


def _inode(path: str) -> Inode | None:
    try:
        found = os.stat(path)  # noqa: PTH116 -- three times for every transaction, and Path doubles what it costs
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _inodes(opened: Opened) -> set[Inode]:
    return {inode for inode in (opened.log, opened.log_index) if inode is not None}


def _write_back(connection: Connection) -> bool:
    """Write the write-ahead log into the database file; return whether all of it was written."""
    cursor = connection.connection.cursor()  # in no transaction: only so can it be done
    cursor.execute("PRAGMA wal_checkpoint(FULL)")
    busy, pages, written = cursor.fetchone() or (1, 0, 0)
    return not busy and pages == written


def _uri(path: str) -> str:
    """Return the URI by which SQLite opens an existing file and never creates one."""
    return f"file:{urllib.parse.quote(os.fsencode(path))}?mode=rw"


def _unfit(path: str) -> str | None:
    """Return why the file at this path cannot be used as a database; None where it can."""
    try:
        connection = sqlite3.connect(_uri(path), uri=True)
        try:
            connection.execute("SELECT 1 FROM jobs LIMIT 1")
        finally:
            connection.close()
    except sqlite3.Error as error:
        return (
            f"Another file stands at {path}, and it holds no database of Flightline ({error}). Put the one before "
            "back, or a good copy of it."
        )
    return None
