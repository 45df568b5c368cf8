"""A backup put in the place of a home's database, and its files among the artifacts: all of it, or nothing."""

from __future__ import annotations

import datetime as dt
import gzip
import hashlib
import json
import os
import shutil
import sqlite3
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import migrations
from flightline.errors import AlreadyRunning, StackError, UsageError
from flightline.stack.backup import (
    ABOUT,
    ARTIFACTS,
    DATABASE,
    FORMAT,
    NAMED_FILES,
    OWN,
    About,
    database_file,
    opened,
    workspace,
)
from flightline.stack.home import already_running, home_lock, running_url
from shared.processes import users_of
from shared.storage.store import Storage

if TYPE_CHECKING:
    from shared.settings import Settings

_BUSY_SECONDS = 1.0
_PIECE_BYTES = 1 << 20
_LOG_SUFFIXES = ("-wal", "-shm", "-journal")


def restore(settings: Settings, source: Path, *, replace: bool) -> About:
    """Put a backup in the place of the home's database, and its files among the artifacts.

    The old database stays beside it, under a name that ends in the time. Queued jobs are sent to Redis again by the
    next start, and jobs that ran when the backup was taken are taken up from their checkpoints.

    The last step is one rename, so a kill leaves either the old database or the new one. Until then a process that
    starts waits for the old one, which is locked; where there is none, it waits for a database to appear.

    Raises:
        AlreadyRunning: a stack runs in this home, or another process has the database open.
        UsageError: `source` is no backup, or a damaged one; or there is a database and `replace` is false; or the
            database is not SQLite.
        StorageUnavailable, StorageError: the artifacts' place does not answer, or is an unmounted volume's folder.
        StackError: something could not be read or written; the database is the old one then.
    """
    database = database_file(settings).resolve()
    _refuse_existing(database, replace=replace)
    existed = database.exists()
    try:
        with _locked(settings.home_dir, database) as old, workspace(_nearest(database.parent)) as folder:
            about = _unpack(source, folder)
            unknown = existed and about.files + about.missing > 0
            storage = Storage(settings.storage_url, in_use=partial(_names_files, old, unknown=unknown))
            storage.check()
            with home_lock(settings.home_dir):
                _refuse_existing(database, replace=existed)  # unless somebody has made one meanwhile
                _put_artifacts(source, storage, folder)
                database.parent.mkdir(parents=True, exist_ok=True)
                _set_aside(database, old, folder)
                os.sync()  # a power cut after the rename must not find half a file
                (folder / DATABASE).replace(database)
    except (OSError, sqlite3.Error) as error:
        raise StackError(f"{source} could not be restored: {error}. The database is as it was.") from error
    return about


def _refuse_existing(database: Path, *, replace: bool) -> None:
    if database.exists() and not replace:
        raise UsageError(f"There is a database at {database}. --replace moves it aside and takes the backup's.")


def _nearest(folder: Path) -> Path:
    """The folder, or the one that it would be made in: a refused restore makes none."""
    return next(known for known in (folder, *folder.parents) if known.is_dir())


@contextmanager
def _locked(home: Path, database: Path) -> Iterator[sqlite3.Connection | None]:
    """Lock every other process out of a database, with the locks of SQLite that any process with it open holds.

    Yields:
        The connection that holds the lock; None where there is no database, or one too damaged to be opened.

    Raises:
        AlreadyRunning: another process has it open.
    """
    if not database.exists():
        yield None
        return
    with opened(database, _BUSY_SECONDS) as connection:
        try:
            _lock(connection)
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF not in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
                raise
            raise AlreadyRunning(_in_use(home, database)) from error
        except sqlite3.DatabaseError:
            readable = False
        else:
            readable = True
        yield connection if readable else None


def _lock(connection: sqlite3.Connection) -> None:
    # SQLite leaves the write-ahead log, and deletes it, only where nobody else has the database open, however idle.
    connection.execute("PRAGMA journal_mode=DELETE").fetchone()
    connection.execute("PRAGMA locking_mode=EXCLUSIVE").fetchone()
    connection.execute("BEGIN EXCLUSIVE")
    connection.execute("COMMIT")  # which keeps the lock, in this mode


def _in_use(home: Path, database: Path) -> str:
    if running_url(home):
        return already_running(home)
    others = {pid: command for pid, command in users_of(database).items() if pid != os.getpid()}
    users = ", ".join(f"process {pid} (`{command}`)" for pid, command in others.items())
    return (
        f"The database {database} is in use by {users or 'another process'}. Stop every API and worker of it first: "
        "they would go on with jobs of the database that is replaced."
    )


def _unpack(source: Path, folder: Path) -> About:
    """Check a backup to its last byte, and unpack its database into `folder`."""
    digests: dict[str, str] = {}
    with _archive(source) as archive:
        for path, member in _files(archive, folder):
            if path.parts[0] == ARTIFACTS:
                digests[_below_artifacts(path)] = _digest(archive, member)
            elif str(path) in (ABOUT, DATABASE):
                archive.extract(member, folder, filter="data")
                (folder / path).chmod(OWN)
    about = _about(source, folder)
    if not (folder / DATABASE).is_file():
        raise UsageError(f"{source} is damaged: it holds no {DATABASE}.")
    with opened(folder / DATABASE) as connection:
        _make_ready(connection)
        _check_artifacts(source, connection, about, digests)
    return about


@contextmanager
def _archive(source: Path) -> Iterator[tarfile.TarFile]:
    try:
        with tarfile.open(source) as archive:
            yield archive
    except (FileNotFoundError, IsADirectoryError) as error:
        if error.filename != str(source):
            raise
        what = "there is no such file" if isinstance(error, FileNotFoundError) else "it is a folder"
        raise UsageError(f"{source} is not a backup: {what}.") from error
    except tarfile.FilterError as error:
        raise UsageError(f"{source} is not a backup: {error}.") from error
    except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise UsageError(f"{source} is not a backup: it is no tar archive, or is cut off.") from error


def _files(archive: tarfile.TarFile, folder: Path) -> Iterator[tuple[PurePosixPath, tarfile.TarInfo]]:
    """The regular files of an archive; `tarfile.FilterError` at a member that would lie outside of `folder`."""
    for member in archive:
        tarfile.data_filter(member, str(folder))
        if member.isreg():
            yield PurePosixPath(member.name), member


def _below_artifacts(path: PurePosixPath) -> str:
    return str(path.relative_to(ARTIFACTS))


def _digest(archive: tarfile.TarFile, member: tarfile.TarInfo) -> str:
    digest, content = hashlib.sha256(), archive.extractfile(member)
    while content and (piece := content.read(_PIECE_BYTES)):
        digest.update(piece)
    return digest.hexdigest()


def _about(source: Path, folder: Path) -> About:
    try:
        about = About(**json.loads((folder / ABOUT).read_bytes()))
    except FileNotFoundError as error:
        raise UsageError(f"{source} is not a backup: it holds no {ABOUT}.") from error
    except (ValueError, TypeError) as error:
        raise UsageError(f"{source} is not a backup: its {ABOUT} cannot be read.") from error
    if about.format != FORMAT or not migrations.is_known(about.schema):
        raise UsageError(
            f"{source} was taken by a later release (schema {about.schema}). Restore it with that release."
        )
    return about


def _make_ready(connection: sqlite3.Connection) -> None:
    (verdict,) = connection.execute("PRAGMA quick_check").fetchone()
    if verdict != "ok":
        raise sqlite3.DatabaseError(f"its database is damaged ({verdict})")
    # Redis in this home knows nothing of the messages that these jobs had.
    connection.execute("UPDATE jobs SET published_at = NULL WHERE status = 'queued'")


def _check_artifacts(source: Path, connection: sqlite3.Connection, about: About, digests: dict[str, str]) -> None:
    """Hold the archive's files against what it and its database say of them."""
    if len(digests) != about.files:
        raise UsageError(
            f"{source} is damaged: it holds {len(digests)} files of artifacts, and says that it has {about.files}."
        )
    named = {str(path) for (path,) in connection.execute(NAMED_FILES)}
    for path in digests.keys() - named:
        raise UsageError(f"{source} is damaged: its database names no file {path}.")
    for path, sha256 in connection.execute("SELECT path, sha256 FROM artifacts"):
        if digests.get(path, sha256) != sha256:
            raise UsageError(f"{source} is damaged: {path} is not the file that was backed up.")


def _names_files(old: sqlite3.Connection | None, *, unknown: bool) -> bool:
    """Whether the database that is replaced names artifacts; `unknown` where it cannot be asked."""
    if old is None:
        return unknown
    try:
        return old.execute(NAMED_FILES).fetchone() is not None
    except sqlite3.DatabaseError:
        return unknown


def _put_artifacts(source: Path, storage: Storage, folder: Path) -> None:
    with _archive(source) as archive:
        for path, member in _files(archive, folder):
            content = archive.extractfile(member)
            if path.parts[0] == ARTIFACTS and content:
                storage.put(_below_artifacts(path), content.read())


def _set_aside(database: Path, connection: sqlite3.Connection | None, folder: Path) -> None:
    """Keep a copy of the old database; of a damaged one with its log files, which would be read into the new one."""
    if not database.exists():
        return
    shutil.copymode(database, folder / DATABASE)
    aside = f"{database}.replaced-{dt.datetime.now(dt.UTC).strftime('%Y%m%dT%H%M%S%f')}"
    if connection is not None:
        with closing(sqlite3.connect(folder / "old")) as copy:
            connection.backup(copy)
        shutil.copymode(database, folder / "old")
        (folder / "old").replace(aside)
        return
    logs = [suffix for suffix in _LOG_SUFFIXES if Path(f"{database}{suffix}").exists()]
    for suffix in ("", *logs):
        shutil.copy2(f"{database}{suffix}", folder / "old")
        (folder / "old").replace(f"{aside}{suffix}")
    for suffix in logs:
        Path(f"{database}{suffix}").unlink()
