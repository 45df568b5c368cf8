"""A service's state in one file: its SQLite database, and the artifacts where they lie in a folder.

A backup is a tar archive (gzipped where its name ends in ``.gz`` or ``.tgz``) of `backup.json`, which says what it is,
`flightline.db` and `artifacts/`. Data sets, caches, logs and Redis' file are left out: they are the user's own, or are
made again.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import io
import json
import os
import shutil
import sqlite3
import tarfile
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import migrations
from flightline.errors import StackError, UsageError
from flightline.stack.home_lock import home_lock
from shared.database import url_check
from shared.storage.root import LocalRoot
from shared.storage.store import Storage

if TYPE_CHECKING:
    from shared.settings import Settings

_FORMAT = 1
_ABOUT, _DATABASE, _ARTIFACTS = "backup.json", "flightline.db", "artifacts"
_LOG_SUFFIXES = ("-wal", "-shm")
_NAMED_FILES = """
    SELECT path FROM artifacts
    UNION
    SELECT json_extract(entry.value, '$.path') FROM jobs, json_each(jobs.checkpoint, '$.entries') AS entry
    WHERE jobs.checkpoint IS NOT NULL
    ORDER BY 1
"""


@dataclass(frozen=True)
class About:
    """What a backup says of itself.

    Attributes:
        format: of the archive; 1.
        schema: the database's revision.
        taken_at: ISO 8601, UTC.
        jobs: how many the database holds.
        files: how many weights, logits and checkpoints are in the archive.
        missing: how many the database names that are not: deleted meanwhile, or kept in another place than a folder.
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
        UsageError: `target` exists, or the database is not SQLite; says what to do there.
        StackError: there is no database yet, or the file cannot be written.
        StorageUnavailable: the database names artifacts, and their folder is that of a volume that is not mounted.
    """
    database = _database_file(settings)
    if target.exists():
        raise UsageError(f"{target} exists. Choose another name, or delete it first.")
    if not database.is_file():
        raise StackError(f"There is no database at {database}: nothing to back up.")
    draft = target.with_name(f".{target.name}.part")
    try:
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".flightline-backup-") as folder:
            copy = _copied(database, Path(folder) / _DATABASE)
            about = _write(draft, copy, Storage(settings.storage_url).folder, gzipped=target.suffix in (".gz", ".tgz"))
        draft.replace(target)
    except (OSError, sqlite3.Error) as error:
        raise StackError(f"{target} could not be written: {error}. Nothing was changed.") from error
    finally:
        draft.unlink(missing_ok=True)
    return about


def restore(settings: Settings, source: Path, *, replace: bool) -> About:
    """Put a backup in the place of the home's database, and its files among the artifacts.

    What stood there stays beside it, under a name that ends in the time. Queued jobs are sent to Redis again by the
    next start, and jobs that ran when the backup was taken are taken up from their checkpoints.

    Raises:
        AlreadyRunning: a stack runs in this home.
        UsageError: `source` is no backup, or a damaged one; or there is a database and `replace` is false; or the
            database is not SQLite.
        StackError: something could not be read or written; the database is the old one then.
    """
    database = _database_file(settings)
    with home_lock(settings.home_dir):
        if database.exists() and not replace:
            raise UsageError(f"There is a database at {database}. --replace moves it aside and takes the backup's.")
        try:
            database.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=database.parent, prefix=".flightline-restore-") as folder:
                artifacts = Storage(settings.storage_url).folder
                about = _unpacked(source, Path(folder))
                _make_ready(Path(folder) / _DATABASE)
                _check_artifacts(source, Path(folder), about)
                _put_artifacts(Path(folder) / _ARTIFACTS, artifacts)
                _set_aside(database)
                (Path(folder) / _DATABASE).replace(database)
        except (OSError, sqlite3.Error) as error:
            raise StackError(f"{source} could not be restored: {error}.") from error
    return about


def _database_file(settings: Settings) -> Path:
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
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(f"file:{quote(str(path))}?mode=rw", uri=True, timeout=30)) as connection:
        yield connection


def _copied(database: Path, copy: Path) -> Path:
    """One moment of the database, its write-ahead log included, as one file; writers are not held up."""
    with _opened(database) as source, closing(sqlite3.connect(copy)) as target:
        source.backup(target)
        target.execute("PRAGMA journal_mode=DELETE")
    return copy


def _write(draft: Path, database: Path, artifacts: Path | None, *, gzipped: bool) -> About:
    with _opened(database) as connection:
        named = [str(path) for (path,) in connection.execute(_NAMED_FILES)]
        (jobs,) = connection.execute("SELECT count(*) FROM jobs").fetchone()
        (schema,) = connection.execute("SELECT max(version_num) FROM alembic_version").fetchone()
    if artifacts is not None:  # a bucket has backups of its own
        LocalRoot(str(artifacts), in_use=lambda: bool(named)).require(writing=False)
    with draft.open("xb") as file, tarfile.open(fileobj=file, mode="w:gz" if gzipped else "w") as archive:
        archive.add(database, _DATABASE)
        added = sum(_added(archive, artifacts, path) for path in named) if artifacts else 0
        taken_at = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
        about = About(_FORMAT, schema, taken_at, jobs, added, len(named) - added)
        content = json.dumps(asdict(about)).encode()
        entry = tarfile.TarInfo(_ABOUT)
        entry.size = len(content)
        archive.addfile(entry, io.BytesIO(content))
        archive.close()
        file.flush()
        os.fsync(file.fileno())
    return about


def _added(archive: tarfile.TarFile, artifacts: Path, path: str) -> bool:
    try:
        archive.add(artifacts / path, f"{_ARTIFACTS}/{path}", recursive=False)
    except FileNotFoundError:  # its job was deleted, or its checkpoint replaced, after the copy of the database
        return False
    return True


def _unpacked(source: Path, folder: Path) -> About:
    try:
        with tarfile.open(source) as archive:
            archive.extractall(folder, filter="data")
        about = About(**json.loads((folder / _ABOUT).read_bytes()))
    except FileNotFoundError as error:
        missing = "there is no such file" if error.filename == str(source) else f"it holds no {_ABOUT}"
        raise UsageError(f"{source} is not a backup: {missing}.") from error
    except tarfile.FilterError as error:
        raise UsageError(f"{source} is not a backup: {error}.") from error
    except (tarfile.TarError, EOFError, zlib.error) as error:
        raise UsageError(f"{source} is not a backup: it is no tar archive, or is cut off.") from error
    except (ValueError, TypeError) as error:
        raise UsageError(f"{source} is not a backup: its {_ABOUT} cannot be read.") from error
    if about.format != _FORMAT or not migrations.is_known(about.schema):
        raise UsageError(
            f"{source} was taken by a later release (schema {about.schema}). Restore it with that release."
        )
    if not (folder / _DATABASE).is_file():
        raise UsageError(f"{source} is damaged: it holds no {_DATABASE}.")
    return about


def _check_artifacts(source: Path, folder: Path, about: About) -> None:
    """Hold what was unpacked against what the archive and its database say of it."""
    unpacked = folder / _ARTIFACTS
    found = sum(path.is_file() for path in unpacked.rglob("*"))
    if found != about.files:
        raise UsageError(
            f"{source} is damaged: it holds {found} files of artifacts, and says that it has {about.files}."
        )
    with _opened(folder / _DATABASE) as connection:
        named = connection.execute("SELECT path, sha256 FROM artifacts").fetchall()
    for path, sha256 in named:
        file = unpacked / path
        if file.is_file() and _sha256(file) != sha256:
            raise UsageError(f"{source} is damaged: {path} is not the file that was backed up.")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _make_ready(database: Path) -> None:
    with _opened(database) as connection:
        (verdict,) = connection.execute("PRAGMA quick_check").fetchone()
        if verdict != "ok":
            raise sqlite3.DatabaseError(f"its database is damaged ({verdict})")
        # Redis in this home knows nothing of the messages that these jobs had.
        connection.execute("UPDATE jobs SET published_at = NULL WHERE status = 'queued'")
        connection.commit()


def _put_artifacts(unpacked: Path, artifacts: Path | None) -> None:
    if artifacts is None:
        return
    LocalRoot(str(artifacts), in_use=lambda: False).establish()
    for file in [path for path in unpacked.rglob("*") if path.is_file()]:
        target = artifacts / file.relative_to(unpacked)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(file, target)


def _set_aside(database: Path) -> None:
    """Move the old database away with its log files: a log that stays would be read into the new one."""
    with suppress(sqlite3.Error), _opened(database) as connection:  # a damaged one keeps its log
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    stamp = dt.datetime.now(dt.UTC).strftime("%Y%m%dT%H%M%S%f")
    for suffix in ("", *_LOG_SUFFIXES):
        old = Path(f"{database}{suffix}")
        if old.exists():
            old.replace(f"{database}.replaced-{stamp}{suffix}")
