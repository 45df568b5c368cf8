"""One contract of the artifact storage, held by a folder, by fsspec's memory, and by a server that speaks S3."""

from __future__ import annotations

import errno
import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from uuid import uuid4

import pytest

from shared.errors import StorageError, StorageUnavailable
from shared.storage.s3 import BoundedS3FileSystem
from shared.storage.store import Storage
from tests.support.s3 import FORBIDDEN, SILENT, SLOW_DOWN, S3Server

KINDS = ("folder", "memory", "s3")


class Place(ABC):
    """Somewhere that artifacts are stored, and what can happen to it.

    Args:
        url: of the place.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.storage = Storage(url)

    @abstractmethod
    def unavailable(self) -> AbstractContextManager[object]:
        """Nothing answers for as long as the block lasts."""

    @abstractmethod
    def forbidden(self) -> AbstractContextManager[object]:
        """Nothing is allowed for as long as the block lasts."""


class FolderPlace(Place):
    """A folder whose volume can be unmounted."""

    @contextmanager
    def unavailable(self) -> Iterator[None]:
        """An empty folder is left in its place, as at a mount point."""
        root, elsewhere = Path(self.url), Path(f"{self.url}.elsewhere")
        root.rename(elsewhere)
        root.mkdir()
        yield
        root.rmdir()
        elsewhere.rename(root)

    def forbidden(self) -> AbstractContextManager[object]:
        """Every call is refused by the kernel."""
        return _raising(self.storage, PermissionError(errno.EACCES, os.strerror(errno.EACCES)))


class MemoryPlace(Place):
    """fsspec's own, made to fail."""

    def unavailable(self) -> AbstractContextManager[object]:
        """As a library says it that has lost its connection."""
        return _raising(self.storage, ConnectionResetError("peer"))

    def forbidden(self) -> AbstractContextManager[object]:
        """As a library says it that knows no errno."""
        return _raising(self.storage, PermissionError("not yours"))


class S3Place(Place):
    """A bucket of a real server."""

    server: S3Server

    def unavailable(self) -> AbstractContextManager[object]:
        """It is throttled."""
        return self.server.failing(SLOW_DOWN)

    def forbidden(self) -> AbstractContextManager[object]:
        """The credentials do not suffice."""
        return self.server.failing(FORBIDDEN)


@contextmanager
def _raising(storage: Storage, error: Exception) -> Iterator[None]:
    def fail(*_: object, **_options: object) -> None:
        raise error

    with pytest.MonkeyPatch.context() as patch:
        for name in ("open", "rm", "find"):
            patch.setattr(storage._fs, name, fail)
        patch.setattr("shared.storage.store.os.listdir", fail)
        yield


@pytest.fixture(params=KINDS)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """A fresh place of each kind."""
    if request.param == "folder":
        return FolderPlace(str(tmp_path / "artifacts"))
    if request.param == "memory":
        return MemoryPlace(f"memory://{uuid4().hex}/artifacts")
    found = S3Place(request.getfixturevalue("s3_url"))
    found.server = request.getfixturevalue("s3_server")
    return found


def _calls(storage: Storage) -> dict[str, Callable[[], object]]:
    """Everything that can be asked of a storage that holds ``job/1/best``."""
    return {
        "put": lambda: storage.put("job/1/last", b"new"),
        "open": lambda: storage.open("job/1/best"),
        "read": lambda: storage.read("job/1/best"),
        "delete_below": lambda: storage.delete_below("job"),
        "page": lambda: storage.page("", 10),
        "check": storage.check,
    }


def test_what_is_put_is_read_until_it_is_deleted(place: Place) -> None:
    """Of any size, in parts, over what was there before."""
    large = os.urandom(9_000_000)
    place.storage.put("job/1/best", b"before")
    stored = place.storage.put("job/1/best", large[:5], memoryview(large)[5:])
    assert (stored.path, stored.bytes) == ("job/1/best", len(large))
    assert Storage(place.url).read("job/1/best") == large
    place.storage.put("job/1/empty")
    assert place.storage.read("job/1/empty") == b""
    place.storage.delete(["job/1/best", "job/1/never"])
    with pytest.raises(StorageError, match="job/1/best cannot be read"):
        place.storage.read("job/1/best")


def test_a_copy_outlives_the_original(place: Place) -> None:
    """And the other way round; to copy once more replaces the copy."""
    place.storage.put("job/1/best", b"weights")
    for _ in range(2):
        place.storage.copy("job/1/best", "other/1/best")
    place.storage.copy("other/1/best", "third/2/best")
    place.storage.delete_below("other")
    assert place.storage.read("third/2/best") == b"weights"
    place.storage.put("job/1/best", b"changed")
    assert place.storage.read("third/2/best") == b"weights"
    place.storage.delete_below("job")
    assert place.storage.read("third/2/best") == b"weights"
    with pytest.raises(StorageError, match="job/1/best could not be copied"):
        place.storage.copy("job/1/best", "fourth/1/best")
    assert _stored(place.storage) == ["third/2/best"]


def test_what_others_wrote_is_deleted_with_its_folder(place: Place) -> None:
    """No listing that was made earlier counts; what has a like name stays, and a second time is no error."""
    place.storage.put("job/1/a", b"x")
    place.storage.page("", 10)
    other = Storage(place.url)
    other.put("job/checkpoints/b", b"x")
    other.put("job2/1/a", b"x")
    place.storage.delete_below("job")
    place.storage.delete_below("job")
    assert _stored(other) == ["job2/1/a"]


def test_pages_hold_every_file_once(place: Place) -> None:
    """However small they are: the last path of one is where the next begins."""
    wanted = sorted(
        f"job{number}/{kind}/{name}" for number in range(4) for kind in ("1", "checkpoints") for name in "ab"
    )
    for path in wanted:
        place.storage.put(path, b"x")
    assert _stored(place.storage, most=3) == _stored(place.storage, most=1000) == wanted
    assert place.storage.age_seconds(wanted[0]) < 3600


def test_an_empty_place_has_no_files(place: Place) -> None:
    """Listing one is no fault."""
    place.storage.check()
    assert _stored(place.storage) == []


@pytest.mark.parametrize("name", _calls(Storage("memory://none")))
def test_a_storage_that_does_not_answer_is_unavailable_and_has_kept_everything(place: Place, name: str) -> None:
    """The same call succeeds afterwards."""
    place.storage.put("job/1/best", b"weights")
    with (
        place.unavailable(),
        pytest.raises(StorageUnavailable, match=r"does not answer|not the artifact storage any more"),
    ):
        _calls(place.storage)[name]()
    assert place.storage.read("job/1/best") == b"weights"
    _calls(place.storage)[name]()


@pytest.mark.parametrize("name", ["put", "open", "check"])
def test_a_storage_that_forbids_needs_somebody_to_act(place: Place, name: str) -> None:
    """Waiting would not help."""
    place.storage.put("job/1/best", b"weights")
    with place.forbidden(), pytest.raises(StorageError, match=r"cannot be|could not be"):
        _calls(place.storage)[name]()


def _stored(storage: Storage, most: int = 1000) -> list[str]:
    """Every file, but for a folder's marker."""
    found: list[str] = []
    while page := storage.page(found[-1] if found else "", most):
        found += page
    return [path for path in found if "/" in path]


class TestS3:
    def test_a_bucket_that_does_not_exist_needs_somebody_to_act(self, s3_url: str) -> None:
        """It will not appear by itself."""
        with pytest.raises(StorageError, match="bucket does not exist"):
            Storage(s3_url.replace("bucket-", "nobucket-")).put("a", b"x")

    @pytest.mark.parametrize("fault", ["500 InternalError", "502 BadGateway", "503 ServiceUnavailable", "429 TooMany"])
    def test_faults_of_the_server_pass(self, s3_url: str, s3_server: S3Server, fault: str) -> None:
        """Whatever it calls them."""
        storage = Storage(s3_url)
        with s3_server.failing(fault), pytest.raises(StorageUnavailable):
            storage.put("a", b"x")
        storage.put("a", b"x")

    @pytest.mark.parametrize("fault", ["507 XMinioStorageFull", "400 InvalidRequest"])
    def test_a_full_server_needs_somebody_to_act(self, s3_url: str, s3_server: S3Server, fault: str) -> None:
        """As do requests that it does not understand."""
        storage = Storage(s3_url)
        with s3_server.failing(fault), pytest.raises(StorageError):
            storage.put("a", b"x")

    def test_a_silent_server_is_given_up_after_a_while(
        self, s3_url: str, s3_server: S3Server, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Left to s3fs, a write to it would never end."""
        storage = Storage(s3_url)
        storage.put("a", b"x")
        monkeypatch.setattr(BoundedS3FileSystem, "request_seconds", 0.5)
        with s3_server.failing(SILENT), pytest.raises(StorageUnavailable, match="TimeoutError"):
            storage.put("b", b"x")

    def test_a_server_that_is_gone_is_unavailable(self, s3_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
        """Nobody listens at its port."""
        monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
        BoundedS3FileSystem.clear_instance_cache()  # it would use the connection that it has
        with pytest.raises(StorageUnavailable):
            Storage(s3_url).put("a", b"x")
        BoundedS3FileSystem.clear_instance_cache()
