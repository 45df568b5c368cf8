"""torchvision's copy of CIFAR-10, and downloading one."""

from __future__ import annotations

import hashlib
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from torchvision.datasets import CIFAR10

from worker.training.datasets import load, survey, torchvision_copy
from worker.training.datasets.torchvision_copy import CLASSES
from worker.training.errors import DatasetCorrupt, DatasetUnavailable
from worker.training.plan import DatasetPlan

PLAN = DatasetPlan("cifar10", ("bird", "airplane"))
LABELS = [2, 0, 5, 0, 2, 9, 2, 0]


def write_copy(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of eight images a batch, in torchvision's format, that torchvision takes for the real one."""
    folder = data_dir / "cifar-10-batches-py"
    folder.mkdir(parents=True)
    lists: dict[str, list[list[str]]] = {"train_list": [], "test_list": []}
    for batch, (which, name) in enumerate(
        [("train_list", "data_batch_1"), ("train_list", "data_batch_2"), ("test_list", "test_batch")]
    ):
        pixels = np.full((8, 3072), batch * 8, dtype=np.uint8) + np.arange(8, dtype=np.uint8)[:, None]
        content = pickle.dumps({"data": pixels, "labels": LABELS})
        (folder / name).write_bytes(content)
        lists[which].append([name, hashlib.md5(content).hexdigest()])
    meta = pickle.dumps({"label_names": list(CLASSES)})
    (folder / "batches.meta").write_bytes(meta)
    monkeypatch.setattr(CIFAR10, "meta", {**CIFAR10.meta, "md5": hashlib.md5(meta).hexdigest()})
    for which, files in lists.items():
        monkeypatch.setattr(CIFAR10, which, files)
    monkeypatch.setattr(torchvision_copy, "BATCHES", tuple(name for files in lists.values() for name, _ in files))
    return folder


def test_the_names_are_those_of_torchvision() -> None:
    """They are written down here too, so that looking for a copy does not import torchvision, which takes seconds."""
    assert [*torchvision_copy.BATCHES] == [name for name, _ in [*CIFAR10.train_list, *CIFAR10.test_list]]
    assert (CIFAR10.base_folder, CIFAR10.url) == (torchvision_copy.FOLDER, torchvision_copy.URL)


def test_the_files_order_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Images of the classes asked for, in the order of the file, labelled in the order asked for."""
    write_copy(tmp_path, monkeypatch)
    data = load(PLAN, tmp_path, tmp_path)
    assert data.source == "torchvision"
    assert data.train.images[:, 0, 0, 0].tolist() == [0, 1, 3, 4, 6, 7, 8, 9, 11, 12, 14, 15]
    assert data.train.labels.tolist() == [0, 1, 1, 0, 0, 1] * 2
    assert data.val.images[:, 2, 31, 31].tolist() == [16, 17, 19, 20, 22, 23]


def test_pixels_are_channel_by_channel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same array that torchvision gives, with channels first."""
    write_copy(tmp_path, monkeypatch)
    data = load(DatasetPlan("cifar10", ("bird", "airplane", "dog", "truck")), tmp_path, tmp_path)
    assert np.array_equal(data.train.images.numpy(), CIFAR10(str(tmp_path)).data.transpose(0, 3, 1, 2))


@pytest.mark.parametrize("name", ["data_batch_2", "test_batch"])
def test_a_damaged_batch_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """A file whose md5 is not the published one is never unpickled."""
    path = write_copy(tmp_path, monkeypatch) / name
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(DatasetCorrupt, match="damaged") as caught:
        load(PLAN, tmp_path, tmp_path)
    assert caught.value.path == path


def test_a_missing_batch_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a copy is not ready, and the error says what is missing."""
    path = write_copy(tmp_path, monkeypatch) / "test_batch"
    path.unlink()
    assert not survey(tmp_path)[0].ready
    with pytest.raises(DatasetCorrupt, match="missing") as caught:
        load(PLAN, tmp_path, tmp_path)
    assert caught.value.path == path


def test_the_survey_reports_the_published_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All ten classes, 5,000 and 1,000 images of each, without reading a batch."""
    write_copy(tmp_path, monkeypatch)
    held = survey(tmp_path)[0]
    assert (held.source, held.ready, held.classes) == ("torchvision", True, CLASSES)
    assert set(held.counts.values()) == {(5000, 1000)}


def test_downloading_fetches_a_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it is allowed and nothing is there, torchvision downloads; the next load finds the copy."""
    (downloaded := tmp_path / "elsewhere").mkdir()
    write_copy(downloaded, monkeypatch)
    data_dir = tmp_path / "data"
    assert next((held.source, held.ready) for held in survey(data_dir, allow_download=True)) == ("download", False)

    def download(self: Any) -> None:
        (downloaded / "cifar-10-batches-py").rename(Path(self.root) / "cifar-10-batches-py")

    monkeypatch.setattr(CIFAR10, "download", download)
    first = load(PLAN, data_dir, tmp_path, allow_download=True)
    assert first.source == "download"
    assert load(PLAN, data_dir, tmp_path).fingerprint == first.fingerprint


def test_a_failed_download_says_from_where(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No network is DatasetUnavailable, with the address and the reason."""

    def download(_: Any) -> None:
        raise OSError("Name or service not known")

    monkeypatch.setattr(CIFAR10, "download", download)
    with pytest.raises(DatasetUnavailable, match=r"cs\.toronto\.edu.*Name or service"):
        load(PLAN, tmp_path, tmp_path, allow_download=True)
