"""`restore` over real databases: all of a backup or nothing of it, and never beneath a running service."""

from __future__ import annotations

import hashlib
import json
import shutil
import signal
import sqlite3
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

import migrations
from flightline.errors import AlreadyRunning, StackError, UsageError
from flightline.stack import restore as restoring
from flightline.stack.backup import About, backup
from flightline.stack.home import home_lock
from flightline.stack.restore import restore
from shared.errors import StorageUnavailable
from shared.settings import Settings
from shared.storage.root import MARKER
from shared.storage.store import Storage
from tests.support import factories
from tests.support.homes import Home, add_checkpoint, add_jobs, closing_database, file_of, ids_in


def test_a_database_that_is_there_is_moved_aside_with_its_log(home: Home, tmp_path: Path) -> None:
    """The log that killed processes left, beside the new file, would overrule it. Nothing of the old one is lost."""
    old, other, killed = home("old"), home("other"), tmp_path / "killed"
    ids = set(add_jobs(old, 2))
    backup(old, tmp_path / "all.tar")
    with closing(sqlite3.connect(file_of(other))) as holder:
        holder.execute("SELECT count(*) FROM jobs").fetchall()
        others = set(add_jobs(other, 1))
        shutil.copytree(other.home_dir, killed)
    left = Settings(home=killed)
    assert file_of(left, "-wal").stat().st_size
    with pytest.raises(UsageError, match="--replace moves it aside"):
        restore(left, tmp_path / "all.tar", replace=False)
    restore(left, tmp_path / "all.tar", replace=True)

    assert ids_in(left) == ids
    (aside,) = killed.glob("flightline.db.replaced-*")
    with closing(sqlite3.connect(aside)) as connection:
        assert {row[0] for row in connection.execute("SELECT id FROM jobs")} == others


def test_a_damaged_database_is_moved_aside_as_it_is(home: Home, tmp_path: Path) -> None:
    """With whatever lies beside it: the log of another database must not be read into the new one."""
    old, broken = home("old"), home("broken")
    ids = set(add_jobs(old, 1))
    backup(old, tmp_path / "all.tar")
    contents = {suffix: f"broken{suffix}" * 1000 for suffix in ("", "-wal")}
    for suffix, content in contents.items():
        file_of(broken, suffix).write_text(content)
    restore(broken, tmp_path / "all.tar", replace=True)

    assert not file_of(broken, "-wal").exists()
    assert ids_in(broken) == ids
    (aside,) = [path for path in broken.home_dir.glob("flightline.db.replaced-*") if path.name[-1].isdigit()]
    assert {suffix: Path(f"{aside}{suffix}").read_text() for suffix in contents} == contents


def test_a_database_that_is_in_use_is_left_alone(home: Home, tmp_path: Path) -> None:
    """By whatever program, however idle: it is named, and nothing is changed."""
    old, other = home("old"), home("other")
    backup(old, tmp_path / "all.tar")
    ids = set(add_jobs(other, 1))
    before = contents_of(tmp_path)
    with idle_process(file_of(other)) as pid, pytest.raises(AlreadyRunning, match="in use by process") as refused:
        restore(other, tmp_path / "all.tar", replace=True)
    assert f"process {pid} (`python" in refused.value.detail
    assert contents_of(tmp_path) == before
    assert ids_in(other) == ids
    restore(other, tmp_path / "all.tar", replace=True)


IDLE = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1])
connection.execute("SELECT count(*) FROM jobs").fetchall()
print(flush=True)
sys.stdin.read()
"""
"""A process that keeps a connection and does nothing, as the API and the workers do between two looks."""


@contextmanager
def idle_process(database: Path) -> Iterator[int]:
    """The id of a process that has a database open."""
    command = [sys.executable, "-c", IDLE, str(database)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stdin
        process.stdout.readline()
        yield process.pid
        process.stdin.close()


def contents_of(folder: Path) -> set[Path]:
    """Every path below a folder, but for what SQLite makes beside a database that is open."""
    return {path for path in folder.rglob("*") if not path.name.endswith(("-wal", "-shm"))}


def test_whoever_starts_meanwhile_waits(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The old database answers nobody until the new one is in its place."""
    old, other = home("old"), home("other")
    ids = set(add_jobs(old, 1))
    backup(old, tmp_path / "all.tar")
    refused = []

    def start(*arguments: Any) -> None:
        with closing(sqlite3.connect(file_of(other), timeout=0)) as starting:
            with pytest.raises(sqlite3.OperationalError, match="locked"):
                starting.execute("SELECT count(*) FROM jobs")
            refused.append(True)
        put(*arguments)

    put = restoring._put_artifacts
    monkeypatch.setattr(restoring, "_put_artifacts", start)
    restore(other, tmp_path / "all.tar", replace=True)
    assert refused == [True]
    assert ids_in(other) == ids


def test_a_database_that_was_made_meanwhile_is_not_replaced(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`flightline migrate` in the same new home: nobody said `--replace`."""
    old, new = home("old"), home("new")
    backup(old, tmp_path / "all.tar")
    made: list[str] = []

    def make(source: Path, folder: Path) -> About:
        new.home_dir.mkdir()
        with closing_database(new) as db:
            migrations.upgrade(db)
        made.extend(add_jobs(new, 1))
        return unpack(source, folder)

    unpack = restoring._unpack
    monkeypatch.setattr(restoring, "_unpack", make)
    with pytest.raises(UsageError, match="--replace"):
        restore(new, tmp_path / "all.tar", replace=False)
    assert ids_in(new) == set(made)


KILLED_AT = """
import os, signal, sys
from pathlib import Path
from flightline.stack.restore import restore
from shared.settings import Settings

steps, home, source = int(sys.argv[1]), sys.argv[2], sys.argv[3]
real = Path.replace

def replace(path, target):
    global steps
    if not steps:
        os.kill(os.getpid(), signal.SIGKILL)
    steps -= 1
    return real(path, target)

Path.replace = Path.rename = replace
restore(Settings(home=home), Path(source), replace=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
"""A restore that is killed before the rename of this number, or after the last one."""


@pytest.mark.parametrize("steps", range(4))
def test_a_restore_that_is_killed_leaves_the_old_database_or_the_new_one(
    home: Home, tmp_path: Path, steps: int
) -> None:
    """Whole, at the place where the next start looks for it; the next restore removes what was unfinished."""
    old, other = home("old"), home("other")
    ids, others = set(add_jobs(old, 2)), set(add_jobs(other, 1))
    backup(old, tmp_path / "all.tar")
    killed = subprocess.run(
        [sys.executable, "-c", KILLED_AT, str(steps), str(other.home_dir), str(tmp_path / "all.tar")], check=False
    )
    assert killed.returncode == -signal.SIGKILL
    assert ids_in(other) == (others if steps < 2 else ids)

    restore(other, tmp_path / "all.tar", replace=True)
    assert ids_in(other) == ids
    assert not list(other.home_dir.glob(".*"))


def test_a_running_home_is_left_alone(home: Home, tmp_path: Path) -> None:
    """Its workers would go on writing into the file that was moved."""
    old, other = home("old"), home("other")
    backup(old, tmp_path / "all.tar")
    with home_lock(other.home_dir), pytest.raises(AlreadyRunning):
        restore(other, tmp_path / "all.tar", replace=True)


@pytest.mark.parametrize("damaged", [False, True])
def test_nothing_is_restored_beside_a_volume_that_is_not_mounted(home: Home, tmp_path: Path, *, damaged: bool) -> None:
    """Its mount point is not taken for it: whatever was put there would be hidden by the volume."""
    old, other = home("old"), home("other")
    add_checkpoint(old)
    backup(old, tmp_path / "all.tar")
    add_checkpoint(other)
    mount_point = Path(other.storage_url)
    shutil.rmtree(mount_point)
    mount_point.mkdir()
    if damaged:
        file_of(other).write_bytes(b"no database" * 1000)
    before = contents_of(tmp_path)
    with pytest.raises(StorageUnavailable, match="Mount the volume"):
        restore(other, tmp_path / "all.tar", replace=True)
    assert contents_of(tmp_path) == before

    (mount_point / MARKER).touch()  # as the message says, where the files are gone for good
    assert restore(other, tmp_path / "all.tar", replace=True).files == 1


def test_artifacts_are_restored_to_another_kind_of_storage(home: Home, tmp_path: Path) -> None:
    """Such as a bucket: they are put where the settings of the new home say."""
    old, address = home("old"), f"memory://{tmp_path.name}"
    path = add_checkpoint(old)
    backup(old, tmp_path / "all.tar")
    restore(Settings(home=tmp_path / "new", artifacts_url=address), tmp_path / "all.tar", replace=False)
    assert Storage(address).read(path) == b"state"


def archive(path: Path, *members: tuple[str, bytes]) -> Path:
    """A tar file of these members."""
    with tarfile.open(path, "w") as tar:
        for name, content in members:
            file = path.with_suffix(".member")
            file.write_bytes(content)
            tar.add(file, name)
    return path


def about(**fields: object) -> bytes:
    """A `backup.json`."""
    whole = {"format": 1, "schema": "0001", "taken_at": "", "jobs": 0, "files": 0, "missing": 0}
    return json.dumps(whole | fields).encode()


@pytest.mark.parametrize(
    "members",
    [
        [],
        [("backup.json", b"{")],
        [("backup.json", b"{}")],
        [("backup.json", about())],
        [("backup.json", about(schema="9999")), ("flightline.db", b"")],
        [("backup.json", about(format=2)), ("flightline.db", b"")],
        [("../outside", b"x"), ("backup.json", about())],
    ],
)
def test_what_is_no_backup_of_this_release_changes_nothing(
    home: Home, tmp_path: Path, members: list[tuple[str, bytes]]
) -> None:
    """Another archive, one of a later release, one that would write elsewhere."""
    old = home("old")
    ids = set(add_jobs(old, 1))
    with pytest.raises(UsageError, match=r"all\.tar "):
        restore(old, archive(tmp_path / "all.tar", *members), replace=True)
    assert ids_in(old) == ids
    assert not (tmp_path / "outside").exists()


@pytest.fixture
def with_weights(home: Home, tmp_path: Path) -> tuple[Path, str]:
    """A backup of a service that keeps one file of weights, and the file's path."""
    old, weights, path = home("old"), b"weights", str(factories.artifact()["path"])
    with closing_database(old) as db:
        factories.succeed(db, factories.running(db))
        digest = hashlib.sha256(weights).hexdigest()
        db.write(lambda connection: connection.exec_driver_sql("UPDATE artifacts SET sha256 = ?", (digest,)))
    file = Path(old.storage_url) / path
    file.parent.mkdir(parents=True)
    file.write_bytes(weights)
    assert backup(old, tmp_path / "all.tar").files == 1
    return tmp_path / "all.tar", path


@pytest.mark.parametrize("fault", ["changed", "left out", "added"])
def test_artifacts_that_are_not_those_of_the_database_change_nothing(
    home: Home, tmp_path: Path, with_weights: tuple[Path, str], fault: str
) -> None:
    """A flipped bit, a file that the archive says it has, or one that it does not say it has."""
    whole, path = with_weights
    folder, bad = tmp_path / "unpacked", tmp_path / "bad.tar"
    with tarfile.open(whole) as tar:
        tar.extractall(folder, filter="data")
    file = folder / "artifacts" / path
    if fault == "changed":
        file.write_bytes(b"Weights")
    else:
        file.rename(file.with_suffix(".other")) if fault == "added" else file.unlink()
    with tarfile.open(bad, "w") as tar:
        for part in folder.iterdir():
            tar.add(part, part.name)
    new = home("new")
    with pytest.raises(UsageError, match="is damaged: "):
        restore(new, bad, replace=False)
    assert not file_of(new).exists()
    assert not Path(new.storage_url).exists()
    assert restore(new, whole, replace=False).files == 1


def test_a_backup_without_its_database_is_said_to_be_damaged(home: Home, tmp_path: Path) -> None:
    """It is of this release, and another one would not help."""
    with pytest.raises(UsageError, match=r"holds no flightline\.db"):
        restore(home("old"), archive(tmp_path / "all.tar", ("backup.json", about())), replace=True)


@pytest.mark.parametrize("name", ["text.tar", "nothing.tar", "folder", "later.tar"])
def test_a_refused_restore_leaves_nothing_behind(home: Home, tmp_path: Path, name: str) -> None:
    """No home is made for it, and no lock that would say that a stack ran there."""
    new = home("new")
    (tmp_path / "folder").mkdir()
    (tmp_path / "text.tar").write_text("hello")
    archive(tmp_path / "later.tar", ("backup.json", about(schema="9999")), ("flightline.db", b""))
    before = set(tmp_path.rglob("*"))
    with pytest.raises(UsageError, match=rf"{name} (is not a backup|was taken by a later release)"):
        restore(new, tmp_path / name, replace=True)
    assert set(tmp_path.rglob("*")) == before


def test_what_is_no_archive_is_refused_in_a_line(home: Home, tmp_path: Path) -> None:
    """Without what each of Python's readers made of it."""
    (tmp_path / "text.tar").write_text("hello")
    with pytest.raises(UsageError, match=r"text\.tar is not a backup: it is no tar archive, or is cut off\.$"):
        restore(home("old"), tmp_path / "text.tar", replace=True)


def test_a_broken_off_or_missing_backup_changes_nothing(home: Home, tmp_path: Path) -> None:
    """Cut in the middle, or with a database that is none."""
    old, whole = home("old"), tmp_path / "all.tar"
    ids = set(add_jobs(old, 1))
    backup(old, whole)
    (tmp_path / "cut.tar").write_bytes(whole.read_bytes()[:20_000])
    for name in ("cut.tar", "none.tar"):
        with pytest.raises(UsageError, match="is not a backup"):
            restore(old, tmp_path / name, replace=True)
    damaged = archive(tmp_path / "bad.tar", ("backup.json", about()), ("flightline.db", b"no database" * 1000))
    with pytest.raises(StackError, match="could not be restored"):
        restore(old, damaged, replace=True)
    assert ids_in(old) == ids
