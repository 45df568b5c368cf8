"""Artifacts: whole or not there."""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from shared.errors import ConfigurationError, DatabaseUnavailable, StorageError, StorageUnavailable
from shared.storage.faults import passes
from shared.storage.root import MARKER, LocalRoot
from shared.storage.store import Storage, Stored
from tests.support.concurrency import together


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    """A folder that does not exist yet."""
    return Storage(str(tmp_path / "artifacts"))


def files(tmp_path: Path) -> list[str]:
    """Every file there is, but for the storage's marker."""
    found = (path for path in tmp_path.rglob("*") if path.is_file() and path.name != MARKER)
    return sorted(str(path.relative_to(tmp_path)) for path in found)


class TestPut:
    def test_what_is_put_can_be_opened(self, storage: Storage, tmp_path: Path) -> None:
        """With its digest and its size."""
        content = os.urandom(3_000_000)

        stored = storage.put("0192/1/best.safetensors", content)

        assert stored == Stored("0192/1/best.safetensors", hashlib.sha256(content).hexdigest(), 3_000_000)
        assert storage.read(stored.path) == content
        with storage.open(stored.path) as file:
            assert file.read(10) == content[:10]
        assert files(tmp_path) == ["artifacts/0192/1/best.safetensors"]

    def test_a_second_one_takes_the_firsts_place(self, storage: Storage, tmp_path: Path) -> None:
        """Without anything left of it."""
        storage.put("a", b"first, ", memoryview(b"and longer"))
        assert storage.read("a") == b"first, and longer"
        storage.put("a", b"second")

        assert storage.read("a") == b"second"
        assert files(tmp_path) == ["artifacts/a"]

    def test_many_at_once(self, storage: Storage, tmp_path: Path) -> None:
        """Each is one of those that were put, never a mixture."""
        contents = [bytes([n]) * 200_000 for n in range(6)]

        together(*[lambda content=content: storage.put("a/b", content) for content in contents])

        assert storage.read("a/b") in contents
        assert files(tmp_path) == ["artifacts/a/b"]

    @pytest.mark.parametrize(
        "code,words", [(errno.ENOSPC, "No space left on device"), (errno.EACCES, "Permission denied")], ids=str
    )
    def test_a_write_that_fails_leaves_nothing(
        self, storage: Storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, words: str
    ) -> None:
        """The error says where, why and what to do; what was there before is still there."""
        storage.put("job/best", b"before")
        write = storage._write

        def fail(target: str, parts: tuple[bytes]) -> None:
            write(target, [parts[0][:5]])
            raise OSError(code, os.strerror(code))

        monkeypatch.setattr(storage, "_write", fail)
        with pytest.raises(StorageError, match=f"could not be written to .*{tmp_path}/artifacts.*{words}.*free or add"):
            storage.put("job/best", b"after")

        assert storage.read("job/best") == b"before"
        assert files(tmp_path) == ["artifacts/job/best"]

    def test_a_rename_that_fails_leaves_nothing(
        self, storage: Storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Nor a half-written file under another name."""

        def fail(*_: object) -> None:
            raise OSError(errno.EIO, os.strerror(errno.EIO))

        monkeypatch.setattr(storage._fs, "mv", fail)
        with pytest.raises(StorageUnavailable):
            storage.put("a", b"x")

        assert files(tmp_path) == []

    def test_a_device_that_is_full(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """The real thing: /dev/full takes nothing."""
        full = Storage(str(tmp_path))

        def to_the_full_device(_target: str, parts: tuple[bytes]) -> None:
            with Path("/dev/full").open("wb", buffering=0) as file:
                file.write(parts[0])

        monkeypatch.setattr(full, "_write", to_the_full_device)
        with pytest.raises(StorageError, match="No space left on device"):
            full.put("a", b"x" * 100)

    def test_a_library_that_raises_its_own_errors(self, storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
        """Remote storage has many names for not being there."""

        def fail(*_: object, **_kwargs: object) -> None:
            raise LookupError("the bucket cannot be reached")

        monkeypatch.setattr(storage._fs, "open", fail)
        calls: dict[str, Callable[[], Any]] = {
            "written": lambda: storage.put("a", b"x"),
            "read": lambda: storage.open("a"),
        }
        for words, call in calls.items():
            with pytest.raises(StorageError, match=f"{words}.*the bucket cannot be reached"):
                call()

    def test_a_folder_where_a_file_is(self, tmp_path: Path) -> None:
        """A wrong setting fails when it is used, with the path in the message."""
        (tmp_path / "file").write_text("x")

        with pytest.raises(StorageError, match="a could not be written"):
            Storage(str(tmp_path / "file")).put("a", b"x")


class TestPaths:
    @pytest.mark.parametrize(
        "path", ["", "/etc/passwd", "../x", "a/../../x", "a//b", "a/", "./a", "a/./b", "a\x00b"], ids=repr
    )
    def test_no_path_leads_outside(self, storage: Storage, tmp_path: Path, path: str) -> None:
        """Whatever is done with it."""
        for call in (lambda: storage.put(path, b"x"), lambda: storage.open(path), lambda: storage.delete([path])):
            with pytest.raises(StorageError, match="not a path below"):
                call()
        with pytest.raises(StorageError):
            storage.delete_below(path)
        assert files(tmp_path) == []

    def test_odd_names(self, storage: Storage) -> None:
        """Are names."""
        for path in ("a b/ü 🐦.bin", "..a/b..", "-rf", "*"):
            storage.put(path, path.encode())
            assert storage.read(path) == path.encode()


class TestDelete:
    def test_files(self, storage: Storage, tmp_path: Path) -> None:
        """Those that are gone already are no error."""
        for name in ("a", "b", "c"):
            storage.put(f"job/{name}", b"x")

        storage.delete(["job/a", "job/c", "job/never"])

        assert files(tmp_path) == ["artifacts/job/b"]

    def test_folders(self, storage: Storage, tmp_path: Path) -> None:
        """All of a job's files, and no other's."""
        for path in ("job/1/a", "job/2/b", "job2/1/a"):
            storage.put(path, b"x")

        storage.delete_below("job")
        storage.delete_below("job")

        assert files(tmp_path) == ["artifacts/job2/1/a"]

    def test_what_is_not_there_cannot_be_opened(self, storage: Storage) -> None:
        """The message names the file."""
        with pytest.raises(StorageError, match="job/a cannot be read"):
            storage.open("job/a")


class TestUrls:
    def test_other_file_systems(self) -> None:
        """Any that fsspec knows."""
        storage = Storage("memory://somewhere/below")

        storage.put("a/b", b"x")

        assert storage.read("a/b") == b"x"
        storage.delete_below("a")
        with pytest.raises(StorageError):
            storage.read("a/b")

    def test_one_that_there_is_not(self) -> None:
        """Is refused by the variable's name."""
        with pytest.raises(ConfigurationError, match="FLIGHTLINE_ARTIFACTS_URL"):
            Storage("nowhere://x")


class TestRoot:
    """The folder that artifacts lie in, and the empty one that an unmounted volume leaves."""

    def test_a_volume_that_is_unmounted_is_not_filled_underneath(self, storage: Storage, tmp_path: Path) -> None:
        """Nothing is written to the mount point, no file is taken for lost, and the message says what to do."""
        storage.put("job/best", b"weights")
        root, volume = tmp_path / "artifacts", tmp_path / "volume"
        root.rename(volume)
        root.mkdir()
        for call in (lambda: storage.put("job/last", b"x"), lambda: storage.read("job/best"), storage.check):
            with pytest.raises(StorageUnavailable, match=r"Mount the volume|Start or mount it"):
                call()
        assert list(root.iterdir()) == []
        root.rmdir()
        volume.rename(root)
        assert storage.read("job/best") == b"weights"

    @pytest.mark.parametrize("left", ["nothing", "a mount point"])
    def test_a_process_that_starts_while_it_is_unmounted_asks_the_database(self, tmp_path: Path, left: str) -> None:
        """Which names files, so this cannot be a new storage."""
        root = tmp_path / "artifacts"
        if left == "a mount point":
            root.mkdir()
        with pytest.raises(StorageUnavailable, match="make that folder and an empty file"):
            Storage(str(root), in_use=lambda: True).put("a", b"x")
        with pytest.raises(StorageUnavailable):
            Storage(str(root), in_use=lambda: True).read("a")
        assert not list(tmp_path.rglob("*a"))

    def test_a_check_says_once_what_to_do(self, tmp_path: Path) -> None:
        """What is said of a folder that is not the storage is not wrapped into a second advice."""
        with pytest.raises(StorageUnavailable, match=r"any more: its file \S+ is missing\. Mount .* in it\.$"):
            Storage(str(tmp_path / "artifacts"), in_use=lambda: True).check()

    def test_the_remedy_in_its_message_works(self, storage: Storage, tmp_path: Path) -> None:
        """Where the files are gone for good, a person says so with an empty file."""
        (tmp_path / "artifacts").mkdir()
        (tmp_path / "artifacts" / MARKER).touch()
        again = Storage(str(tmp_path / "artifacts"), in_use=lambda: True)
        again.put("a", b"x")
        assert again.read("a") == b"x"

    def test_one_that_nothing_was_put_into_yet_holds_nothing(self, tmp_path: Path) -> None:
        """Its folder is made by the first write; until then going through it is no failure."""
        storage = Storage(str(tmp_path / "new"))
        assert storage.page("", 10) == []
        storage.put("a/b", b"x")
        assert (storage.page("", 1), storage.page("a/b", 1)) == (["a/b"], [])

    def test_a_folder_of_an_earlier_release_goes_on(self, tmp_path: Path) -> None:
        """It has files and no marker: the next write marks it."""
        (tmp_path / "artifacts" / "job").mkdir(parents=True)
        (tmp_path / "artifacts" / "job" / "best").write_bytes(b"weights")
        storage = Storage(str(tmp_path / "artifacts"), in_use=lambda: True)
        assert storage.read("job/best") == b"weights"
        assert not (tmp_path / "artifacts" / MARKER).exists()
        storage.put("job/last", b"x")
        assert (tmp_path / "artifacts" / MARKER).exists()

    def test_without_the_database_an_empty_folder_is_not_judged(self, tmp_path: Path) -> None:
        """It may be new, or not mounted: both can wait."""

        def unknown() -> bool:
            raise DatabaseUnavailable("away")

        with pytest.raises(StorageUnavailable, match="database is unavailable"):
            Storage(str(tmp_path / "artifacts"), in_use=unknown).put("a", b"x")
        assert list(tmp_path.iterdir()) == []

    def test_a_volume_that_goes_while_a_file_is_written(
        self, storage: Storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Whatever the kernel says then, it is the storage that is gone."""
        storage.put("a", b"x")

        def vanish(*_: object) -> None:
            (tmp_path / "artifacts").rename(tmp_path / "volume")
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))

        monkeypatch.setattr(storage, "_write", vanish)
        with pytest.raises(StorageUnavailable):
            storage.put("b", b"x")


class _Azure(Exception):
    def __init__(self, status_code: int) -> None:
        self.status_code = status_code


class HTTPClientError(Exception):
    """Named as botocore's, which is no OSError."""


PASSING: list[Exception] = [
    OSError(getattr(errno, code), "") for code in ("EIO", "ENOTCONN", "ESTALE", "ETIMEDOUT", "EBUSY", "ENODEV")
]
PASSING += [TimeoutError(), ConnectionResetError(), EOFError(), _Azure(503), _Azure(429), HTTPClientError()]
LASTING: list[Exception] = [
    OSError(getattr(errno, code), "") for code in ("ENOSPC", "EDQUOT", "EROFS", "EACCES", "EPERM", "ENOENT")
]
LASTING += [PermissionError("no"), FileNotFoundError("no"), OSError("Forbidden"), _Azure(403), _Azure(404), _Azure(507)]
LASTING += [TypeError("a bug"), KeyError("a bug"), ImportError("no such package")]


@pytest.mark.parametrize("error", PASSING, ids=repr)
def test_faults_that_pass(error: Exception) -> None:
    """The same call may succeed later, also where a library has wrapped the fault in an exception of its own."""
    wrapped = OSError("Upload failed")
    wrapped.__cause__ = error
    assert (passes(error), passes(wrapped)) == (True, True)


@pytest.mark.parametrize("error", LASTING, ids=repr)
def test_faults_that_need_somebody_to_act(error: Exception) -> None:
    """Waiting would not help, or would hide a bug."""
    assert not passes(error)


class TestTwoThreads:
    def test_they_make_one_root_at_once(self, tmp_path: Path) -> None:
        """The one that looked before the other had marked the folder does not take it for unmounted."""

        class Overtaken(LocalRoot):
            overtaken = False

            def _marked(self) -> bool:
                marked = super()._marked()
                if not self.overtaken:
                    self.overtaken = True
                    self.require(writing=True)  # as another thread does, between this look and what comes of it
                return marked

        root = Overtaken(str(tmp_path / "artifacts"), lambda: False)
        root.require(writing=True)

        assert not root.lost
