"""A service's state in one file: its SQLite database, and the artifacts where they lie in a folder.

A backup is a tar archive (gzipped where its name ends in ``.gz`` or ``.tgz``) of `flightline.db`, `artifacts/` and
`backup.json`, which says what the archive is. Its user alone can read it, as the database. Data sets, caches, logs and
Redis' file are left out: they are the user's own, or are made again. `flightline.stack.restore` reads it.
"""

from __future__ import annotations

import datetime as dt
import fcntl
import io
import json
import os
import shutil
import sqlite3
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from flightline.errors import StackError, UsageError
from shared.database import url_check
from shared.storage.root import LocalRoot
from shared.storage.store import Storage

if TYPE_CHECKING:
    from shared.settings import Settings

FORMAT = 1
ABOUT, DATABASE, ARTIFACTS = "backup.json", "flightline.db", "artifacts"
NAMED_FILES = """
    SELECT path FROM artifacts
    UNION
    SELECT json_extract(entry.value, '$.path') FROM jobs, json_each(jobs.checkpoint, '$.entries') AS entry
    WHERE jobs.checkpoint IS NOT NULL
    ORDER BY 1
"""
"""The files of the artifact storage that a database names."""
_WORKSPACE = ".flightline-part-"
_BUSY_SECONDS = 30.0
OWN = 0o600
"""The mode of files that their user alone can read."""


@dataclass(frozen=True)
class About:
    """The contents of `backup.json`, which describes a backup.

    Attributes:
        format: the version of the archive's format: 1.
        schema: the revision of the database's schema.
        taken_at: when the backup was taken, ISO 8601 in UTC.
        jobs: the number of jobs in the database.
        files: the number of weights, logits and checkpoints in the archive.
        missing: the number of files that the database names and the archive lacks: deleted meanwhile, or not stored in
            a folder.
    """

    format: int
    schema: str | None
    taken_at: str
    jobs: int
    files: int
    missing: int


def backup(settings: Settings, target: Path) -> About:
    """Write everything into `target`, while the service runs or stands; whole or not at all.

    Raises:
        UsageError: `target` exists or lies where no backup belongs, or the database is not SQLite; says what to do.
        StackError: there is no database yet, or the file cannot be written.
        StorageUnavailable: the database names artifacts, and their folder is that of a volume that is not mounted.
    """
    database, artifacts = database_file(settings), Storage(settings.storage_url).folder
    _check_target(target, settings.home_dir, artifacts)
    if not database.is_file():
        raise StackError(f"There is no database at {database}: nothing to back up.")
    try:
        with workspace(target.parent) as folder:
            copy, draft = _copied(database, folder / DATABASE), folder / target.name
            about = _write(draft, copy, artifacts, gzipped=target.suffix in (".gz", ".tgz"))
            draft.replace(target)
    except (OSError, sqlite3.Error) as error:
        raise StackError(f"{target} could not be written: {error}. Nothing was changed.") from error
    return about


def _check_target(target: Path, home: Path, artifacts: Path | None) -> None:
    if target.is_dir():
        raise UsageError(f"{target} is a folder. Name a file in it, such as {target / 'flightline.tar.gz'}.")
    if target.exists():
        raise UsageError(f"{target} exists. Choose another name, or delete it first.")
    if not target.parent.is_dir():
        raise UsageError(f"There is no folder {target.parent}. Make it first, or choose another place for the backup.")
    for folder in filter(None, (home, artifacts)):
        if target.resolve().is_relative_to(folder.resolve()):
            raise UsageError(
                f"{target} lies in {folder}, and would be lost together with what it is a backup of. Choose a place "
                "outside that folder."
            )


def database_file(settings: Settings) -> Path:
    """The file of the SQLite database.

    Raises:
        UsageError: it is PostgreSQL; names the tools that PostgreSQL has.
    """
    url = url_check.parsed(settings.sqlalchemy_url)
    if url.get_backend_name() == "sqlite":
        return Path(str(url.database))
    raise UsageError(
        f"The database is PostgreSQL's ({url.render_as_string(hide_password=True)}), which has tools of its own: "
        "`pg_dump --format=custom --file=flightline.dump DATABASE` takes a backup of the running service, and "
        "`pg_restore --clean --if-exists --dbname=DATABASE flightline.dump` puts it back while everything is stopped. "
        "Copy the artifacts (FLIGHTLINE_ARTIFACTS_URL) after the dump was taken."
    )


@contextmanager
def opened(path: Path, busy_seconds: float = _BUSY_SECONDS) -> Iterator[sqlite3.Connection]:
    """A connection to a database file that is there, in autocommit mode; closed at the end."""
    address = f"file:{quote(str(path))}?mode=rw"
    with closing(sqlite3.connect(address, uri=True, timeout=busy_seconds, isolation_level=None)) as connection:
        yield connection


@contextmanager
def workspace(folder: Path) -> Iterator[Path]:
    """A folder inside of `folder` for what is not whole yet, removed at the end, or by the next one after a kill."""
    for abandoned in folder.glob(f"{_WORKSPACE}*"):
        _remove_abandoned(abandoned)
    with tempfile.TemporaryDirectory(dir=folder, prefix=_WORKSPACE) as name:
        lock = os.open(name, os.O_RDONLY)
        try:
            with suppress(OSError):  # a file system without locks: nobody removes a workspace there
                fcntl.flock(lock, fcntl.LOCK_SH)
            yield Path(name)
        finally:
            os.close(lock)


def _remove_abandoned(left: Path) -> None:
    """Remove a workspace, unless the process that made it holds its lock still."""
    with suppress(OSError):
        lock = os.open(left, os.O_RDONLY)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(left)
        finally:
            os.close(lock)


def _copied(database: Path, copy: Path) -> Path:
    """One moment of the database, its write-ahead log included, as one file; writers are not held up."""
    copy.touch(OWN)
    with opened(database) as source, closing(sqlite3.connect(copy)) as target:
        source.backup(target)
        target.execute("PRAGMA journal_mode=DELETE")
    return copy


def _write(draft: Path, database: Path, artifacts: Path | None, *, gzipped: bool) -> About:
    with opened(database) as connection:
        named = [str(path) for (path,) in connection.execute(NAMED_FILES)]
        (jobs,) = connection.execute("SELECT count(*) FROM jobs").fetchone()
        (schema,) = connection.execute("SELECT max(version_num) FROM alembic_version").fetchone()
    draft.touch(OWN, exist_ok=False)
    with draft.open("wb") as file, tarfile.open(fileobj=file, mode="w:gz" if gzipped else "w") as archive:
        archive.add(database, DATABASE)
        added = _add_artifacts(archive, artifacts, named) if artifacts else 0  # a bucket has backups of its own
        taken_at = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
        about = About(FORMAT, schema, taken_at, jobs, added, len(named) - added)
        content = json.dumps(asdict(about)).encode()
        entry = tarfile.TarInfo(ABOUT)
        entry.size = len(content)
        archive.addfile(entry, io.BytesIO(content))
        archive.close()
        file.flush()
        os.fsync(file.fileno())
    return about


def _add_artifacts(archive: tarfile.TarFile, artifacts: Path, named: list[str]) -> int:
    """Add the files that are there; returns their number."""
    root = LocalRoot(str(artifacts), in_use=lambda: bool(named))
    root.require(writing=False)
    added = sum(_added(archive, artifacts, path) for path in named)
    root.require(writing=False)  # of a volume that was unmounted meanwhile, every file would seem to be deleted
    return added


def _added(archive: tarfile.TarFile, artifacts: Path, path: str) -> bool:
    try:
        with (artifacts / path).open("rb") as file:  # stays the same file, whatever takes its name meanwhile
            archive.addfile(archive.gettarinfo(arcname=f"{ARTIFACTS}/{path}", fileobj=file), file)
    except FileNotFoundError:  # its job was deleted, or its checkpoint replaced, after the copy of the database
        return False
    return True
