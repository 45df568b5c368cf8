"""The artifacts' disk and bucket, which can be unavailable."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.errors import StorageUnavailable
from shared.storage.store import Storage
from tests.chaos import disk
from tests.chaos.bucket import Bucket
from tests.chaos.disk import Disk


@pytest.fixture
def unmounted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Disk:
    """A disk of somebody who is not root."""
    monkeypatch.setattr(disk, "_mount", lambda *_: False)
    return Disk(tmp_path / "artifacts")


@pytest.fixture
def bucket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bucket]:
    """One on a server of its own."""
    for name in ("AWS_ENDPOINT_URL", "AWS_DEFAULT_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "")  # what it sets is taken back
    bucket = Bucket(tmp_path / "kept")
    yield bucket
    bucket.remove()


@pytest.mark.parametrize("kind", ["unmounted", "bucket"])
@pytest.mark.parametrize("choice", [0.1, 0.9])
def test_an_outage_takes_nothing_and_loses_nothing(request: pytest.FixtureRequest, kind: str, choice: float) -> None:
    """While it lasts nothing can be written, as the product's storage says; afterwards what was there is there."""
    place: Disk | Bucket = request.getfixturevalue(kind)
    place.prepare()
    storage = Storage(place.url)
    storage.put("job/1/best", b"weights")
    assert place.holds("job/1/best")

    place.begin_outage(choice)
    assert not place.holds("job/1/best")
    with pytest.raises(StorageUnavailable):
        storage.put("job/1/last", b"weights")

    place.end_outage()
    assert storage.read("job/1/best") == b"weights"
    storage.put("job/1/last", b"weights")


@pytest.mark.parametrize("kind", ["unmounted", "bucket"])
@pytest.mark.parametrize("choice", [0.1, 0.9])
def test_a_damaged_file_is_another(request: pytest.FixtureRequest, kind: str, choice: float) -> None:
    """Shorter, or of other bytes."""
    place: Disk | Bucket = request.getfixturevalue(kind)
    place.prepare()
    storage = Storage(place.url)
    storage.put("job/1/best", b"w" * 1000)
    place.damage("job/1/best", choice)
    assert storage.read("job/1/best") != b"w" * 1000


def test_a_buckets_files_can_be_studied_afterwards(bucket: Bucket, tmp_path: Path) -> None:
    """They are copied before its server ends."""
    Storage(bucket.url).put("job/1/best", b"weights")
    bucket.keep()
    assert (tmp_path / "kept" / "job/1/best").read_bytes() == b"weights"
