"""`backup` over real databases: one moment of a running service, in one file."""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
import stat
import tarfile
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest

from flightline.errors import StackError, UsageError
from flightline.stack import backup as backing_up
from flightline.stack.backup import backup
from flightline.stack.restore import restore
from shared.errors import ConfigurationError, StorageUnavailable
from shared.settings import Settings
from shared.storage.root import MARKER
from tests.support.homes import Home, add_checkpoint, add_jobs, closing_database, file_of, ids_in


def test_a_backup_of_a_stopped_service_comes_back(home: Home, tmp_path: Path) -> None:
    """Into a new home: rows, checkpoints; queued jobs count as not in Redis."""
    old, new = home("old"), home("new")
    ids, path = add_jobs(old, 3), add_checkpoint(old)

    about = backup(old, tmp_path / "all.tar.gz")
    assert (about.jobs, about.files, about.missing) == (4, 1, 0)
    assert restore(new, tmp_path / "all.tar.gz", replace=False) == about

    assert ids_in(new) == ids_in(old) > set(ids)
    assert (Path(new.storage_url) / path).read_bytes() == b"state"
    assert (Path(new.storage_url) / MARKER).exists()
    with closing_database(new) as db, db.read() as connection:
        assert connection.exec_driver_sql(
            "SELECT count(*) FROM jobs WHERE status = 'queued' AND published_at IS NULL"
        ).scalar_one() == len(ids)
    assert list(new.home_dir.glob(".*")) == list(tmp_path.glob(".*")) == []


@pytest.fixture
def open_to_all() -> Iterator[None]:
    """Whatever is made, everybody may read and write, unless it is made otherwise."""
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.mark.usefixtures("open_to_all")
def test_a_backup_is_its_users_alone(home: Home, tmp_path: Path) -> None:
    """As the database that it is a copy of; so is what is restored from it, unless it replaces one of another mode."""
    old, new = home("old"), home("new")
    add_jobs(old, 1)
    for name in ("all.tar.gz", "all.tar"):
        backup(old, tmp_path / name)
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600
    with tarfile.open(tmp_path / "all.tar") as archive:
        assert archive.getmember("flightline.db").mode == 0o600
    restore(new, tmp_path / "all.tar", replace=False)
    assert stat.S_IMODE(file_of(new).stat().st_mode) == 0o600
    file_of(new).chmod(0o640)
    restore(new, tmp_path / "all.tar", replace=True)
    assert stat.S_IMODE(file_of(new).stat().st_mode) == 0o640


def test_what_stands_in_the_write_ahead_log_is_in_the_backup(home: Home, tmp_path: Path) -> None:
    """A copy of the file alone would lack it."""
    old, new = home("old"), home("new")
    with closing(sqlite3.connect(file_of(old))) as holder:  # an open connection keeps the log beside the file
        holder.execute("SELECT count(*) FROM jobs").fetchall()
        ids = add_jobs(old, 2)
        assert file_of(old, "-wal").stat().st_size > 0
        backup(old, tmp_path / "all.tar")
    restore(new, tmp_path / "all.tar", replace=False)

    assert ids_in(new) == set(ids)


@pytest.fixture
def writing() -> Iterator[Callable[[Settings], None]]:
    """Starts a thread that submits jobs until the test ends."""
    stop, threads = threading.Event(), list[threading.Thread]()

    def start(settings: Settings) -> None:
        def work() -> None:
            while not stop.is_set():
                add_jobs(settings, 1)

        threads.append(threading.Thread(target=work))
        threads[0].start()

    yield start
    stop.set()
    for thread in threads:
        thread.join()


def test_a_backup_of_a_running_service_is_one_moment(
    home: Home, tmp_path: Path, writing: Callable[[Settings], None]
) -> None:
    """While jobs are submitted: every job in it is whole, with its events."""
    old, new = home("old"), home("new")
    before = set(add_jobs(old, 5))
    writing(old)
    about = backup(old, tmp_path / "all.tar")
    restore(new, tmp_path / "all.tar", replace=False)

    restored = ids_in(new)
    assert before <= restored
    assert about.jobs == len(restored)
    with closing_database(new) as db, db.read() as connection:
        without = "SELECT count(*) FROM jobs WHERE id NOT IN (SELECT job_id FROM job_events)"
        assert connection.exec_driver_sql(without).scalar_one() == 0


def test_an_artifact_that_is_gone_is_counted(home: Home, tmp_path: Path) -> None:
    """Its job was deleted, or its checkpoint replaced, while the backup was taken."""
    old = home("old")
    (Path(old.storage_url) / add_checkpoint(old)).unlink()
    about = backup(old, tmp_path / "all.tar")
    assert (about.files, about.missing) == (0, 1)


def test_artifacts_on_a_volume_that_is_not_mounted(home: Home, tmp_path: Path) -> None:
    """A backup without a single one of them is none: it is refused, and nothing is left of it."""
    old = home("old")
    add_checkpoint(old)
    mounted = Path(old.storage_url).rename(tmp_path / "elsewhere")
    with pytest.raises(StorageUnavailable, match="Mount the volume"):
        backup(old, tmp_path / "all.tar")
    Path(old.storage_url).mkdir()
    with pytest.raises(StorageUnavailable, match="Mount the volume"):
        backup(old, tmp_path / "all.tar")
    assert {path.name for path in tmp_path.iterdir()} == {"old", "elsewhere"}

    Path(old.storage_url).rmdir()
    mounted.rename(old.storage_url)
    assert backup(old, tmp_path / "all.tar").files == 1


def test_a_volume_that_is_unmounted_while_it_is_backed_up(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its files are not taken for deleted ones."""
    old = home("old")
    add_checkpoint(old)
    Path(old.storage_url, MARKER).touch()

    def unmount(*arguments: Any) -> bool:
        Path(old.storage_url).rename(tmp_path / "elsewhere")
        return add(*arguments)

    add = backing_up._added
    monkeypatch.setattr(backing_up, "_added", unmount)
    with pytest.raises(StorageUnavailable, match="Mount the volume"):
        backup(old, tmp_path / "all.tar")
    assert {path.name for path in tmp_path.iterdir()} == {"old", "elsewhere"}


def test_artifacts_at_no_address(home: Home, tmp_path: Path) -> None:
    """A wrong setting is named, as wherever the storage is opened."""
    old = home("old")
    backup(old, tmp_path / "all.tar")
    wrong = Settings(home=old.home_dir, artifacts_url="nonsense://bucket")
    for call in (partial(backup, wrong, tmp_path / "x"), partial(restore, wrong, tmp_path / "all.tar", replace=True)):
        with pytest.raises(ConfigurationError, match="FLIGHTLINE_ARTIFACTS_URL"):
            call()
    assert file_of(old).exists()


def test_an_existing_file_is_not_overwritten(home: Home, tmp_path: Path) -> None:
    """A name that is taken is refused."""
    old, target = home("old"), tmp_path / "all.tar"
    target.write_text("mine")
    with pytest.raises(UsageError, match="exists"):
        backup(old, target)
    assert target.read_text() == "mine"


@pytest.mark.parametrize(
    "target,fault",
    [
        ("folder", r"folder is a folder\. Name a file in it, such as .*/folder/flightline\.tar\.gz\."),
        ("nowhere/all.tar", r"There is no folder .*/nowhere\. Make it first"),
        ("old/all.tar", r"/old/all\.tar lies in .*/old, and would be lost"),
        ("link/all.tar", r"/link/all\.tar lies in .*/old, and would be lost"),
        ("artifacts/all.tar", r"/artifacts/all\.tar lies in .*/artifacts, and would be lost"),
    ],
)
def test_a_place_where_no_backup_belongs(home: Home, tmp_path: Path, target: str, fault: str) -> None:
    """What is wrong with it, and what would be right; nothing is made there."""
    old = home("old").model_copy(update={"artifacts_url": str(tmp_path / "artifacts")})
    for name in ("folder", "artifacts"):
        (tmp_path / name).mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "old")
    before = set(tmp_path.rglob("*"))
    with pytest.raises(UsageError, match=fault):
        backup(old, tmp_path / target)
    assert set(tmp_path.rglob("*")) == before


def test_a_backup_that_cannot_be_written(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk: no half file is left, under whatever name."""
    old = home("old")
    full = OSError(errno.ENOSPC, "No space left on device")
    monkeypatch.setattr(backing_up, "_write", Mock(side_effect=full))
    with pytest.raises(StackError, match=r"could not be written: .*No space left"):
        backup(old, tmp_path / "all.tar")
    assert set(tmp_path.iterdir()) == {old.home_dir}


def test_what_a_killed_backup_left_is_removed_by_the_next(home: Home, tmp_path: Path) -> None:
    """Nothing stands under the final name; what another backup is just writing stays."""
    old = home("old")
    with backing_up.workspace(tmp_path) as alive, backing_up.workspace(tmp_path) as folder:
        abandoned = Path(shutil.copytree(folder, tmp_path / f"{folder.name}-abandoned"))
        (abandoned / "all.tar").write_text("half")
        backup(old, tmp_path / "all.tar")
        assert alive.is_dir()
        assert not abandoned.exists()
    assert set(tmp_path.iterdir()) == {old.home_dir, tmp_path / "all.tar"}


def test_there_is_nothing_to_back_up(home: Home, tmp_path: Path) -> None:
    """No database is made by asking for its backup."""
    new = home("new")
    with pytest.raises(StackError, match="nothing to back up"):
        backup(new, tmp_path / "all.tar")
    assert not new.home_dir.exists()


def test_postgresql_has_tools_of_its_own(tmp_path: Path) -> None:
    """Which are named, without the password."""
    settings = Settings(home=tmp_path, database_url="postgresql://me:secret@h/x")
    calls = (partial(backup, settings, tmp_path / "x"), partial(restore, settings, tmp_path / "x", replace=True))
    for call in calls:
        with pytest.raises(UsageError, match="pg_dump") as refused:
            call()
        assert "secret" not in refused.value.detail
