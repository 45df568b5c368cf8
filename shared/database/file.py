"""The file of an SQLite database: whether a connection's file is still the one that stands at its path.

SQLite goes on writing into a file that was removed, renamed or replaced, and whatever it wrote is lost with the process
(https://sqlite.org/howtocorrupt.html, 2.4). So every transaction compares inodes before it begins and after its commit:
three `stat` calls, some microseconds. No connection makes a file where none is; `DatabaseFile.create` alone does.

The write-ahead log (``-wal``) and its index (``-shm``) are part of the database for as long as it is open. While they
belong to another file than the one at the path, nobody may open that: SQLite would take the log for its own.
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
    """The database's file is not where it was when it was opened. The message says what to do."""


class FileReplaced(FileMoved):
    """Another file took the database's place in the middle of something, which may be tried again on the new one."""


Inode = tuple[int, int]
"""Device and number: what makes a file the same as another, whatever its name."""


class Opened(NamedTuple):
    """The files that a connection has open: the database, its write-ahead log, the log's index."""

    main: Inode | None
    log: Inode | None
    log_index: Inode | None


_NOTHING = Opened(None, None, None)


class DatabaseFile:
    """The file at one path, watched for the connections of one process.

    Args:
        path: of the database.
    """

    def __init__(self, path: str) -> None:
        self._path = os.path.abspath(path)  # noqa: PTH100 -- `Path.absolute` would keep `..`, which SQLite takes out
        self._paths = _paths(self._path, self._path)
        self._opened = _NOTHING
        self._connections: WeakSet[Any] = WeakSet()
        self._fault: str | None = None
        self._kept = False
        # The pool's threads connect, close and judge at once. Never held over a fork: see `fork_gate`.
        self._lock = threading.RLock()

    def create(self) -> None:
        """Make an empty file, and the folders above it, where there is none."""
        path = Path(self._path)
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch(0o644)

    def watch(self, engine: Engine) -> None:
        """Open the file for this engine, and never make one. To be called after other listeners for ``connect``."""
        self._connections = WeakSet()
        event.listen(engine, "do_connect", self._open)
        event.listen(engine, "connect", self._note)
        event.listen(engine, "close", self._forget)

    def check(self, connection: Connection) -> bool:
        """Whether the connection's file is the one at the path; False where that is another one, fit to be opened.

        Raises:
            FileMoved: there is none, or one that must not be opened beside what was left of this one.
        """
        return self._judge(connection.info[_INFO], connection)

    def _open(self, _dialect: object, record: Any, arguments: list[Any], options: dict[str, Any]) -> None:
        """Before a new connection: none where there is no file, and none that mixes two databases."""
        with self._lock:  # the connection that keeps the log in place must not be closed between the two
            if self._connections:
                self._judge(self._opened)
        # SQLite puts the log of a database behind a symbolic link beside the file itself.
        self._paths = _paths(self._path, os.path.realpath(self._path))
        record.info[_INFO] = present = self._present()
        if present.main is None:
            self._refuse(
                f"There is no database file {self._path}. If it was moved, or its disk is not mounted, put it back; "
                "otherwise `flightline migrate` makes a new one."
            )
        arguments[0], options["uri"] = _uri(self._path), True

    def _note(self, connection: sqlite3.Connection, record: Any) -> None:
        """After it: once something has been read, the log and its index are there."""
        connection.execute("PRAGMA schema_version").fetchone()
        opened = self._present()
        if opened.main is None or opened.main != record.info[_INFO].main:
            message = f"The database file {self._path} was replaced while it was being opened. Try again."
            raise FileReplaced(message)
        with self._lock:
            if opened.main != self._opened.main:  # connections to the file before it, in use still, are not counted
                self._connections = WeakSet()
            record.info[_INFO] = self._opened = opened
            self._connections.add(record)
            self._say(None)

    def _forget(self, _connection: object, record: Any) -> None:
        """With its last connection SQLite itself removes the log; the next one begins another."""
        with self._lock:
            self._connections.discard(record)

    def _judge(self, opened: Opened, connection: Connection | None = None) -> bool:
        if self._fault is None and self._present() == opened:  # nearly always, and without waiting for anybody
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
        """What is wrong; None where the database was replaced by another that can be opened as it is."""
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
        # What the log holds is not lost yet: this connection still has it open. But once another one has been begun in
        # its place, writing the old one's pages would overwrite newer ones.
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
        """Log a change for the worse or the better once, whatever number of transactions meets it."""
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
    """Whether all that the write-ahead log holds could be written into the database file."""
    cursor = connection.connection.cursor()  # in no transaction: only so can it be done
    cursor.execute("PRAGMA wal_checkpoint(FULL)")
    busy, pages, written = cursor.fetchone() or (1, 0, 0)
    return not busy and pages == written


def _uri(path: str) -> str:
    """The name by which SQLite opens a file that is there, and makes none."""
    return f"file:{urllib.parse.quote(os.fsencode(path))}?mode=rw"


def _unfit(path: str) -> str | None:
    """Why the file at this path cannot take the place of a database; None where it can."""
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
