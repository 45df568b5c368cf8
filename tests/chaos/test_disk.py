"""The disk that can be full, where nothing may be mounted."""

from __future__ import annotations

from pathlib import Path

import pytest

from shared.errors import StorageError
from shared.storage import Storage
from tests.chaos import disk
from tests.chaos.disk import Disk


@pytest.fixture
def unmounted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Disk:
    """A disk of somebody who is not root."""
    monkeypatch.setattr(disk, "_mount", lambda *_: False)
    made = Disk(tmp_path / "artifacts")
    made.prepare()
    return made


def test_a_full_disk_takes_nothing_and_a_freed_one_has_kept_everything(unmounted: Disk) -> None:
    """While it is full a write fails as the product's storage says; afterwards what was there is there."""
    storage = Storage(str(unmounted.folder))
    storage.put("job/1/best", b"weights")

    unmounted.fill()
    with pytest.raises(StorageError, match="could not be written"):
        storage.put("job/1/last", b"weights")

    unmounted.free()
    assert storage.read("job/1/best") == b"weights"
    storage.put("job/1/last", b"weights")
    unmounted.remove()
