"""torchvision's copy of CIFAR-10."""

from __future__ import annotations

import hashlib
import os
import pickle
from pathlib import Path

import numpy as np
import pytest
from torchvision.datasets import CIFAR10

from tests.unit.training.data.test_folders import fill, survey
from worker.training.data import load
from worker.training.data.sources.layouts import CIFAR10 as LAYOUT
from worker.training.errors import DatasetCorrupt
from worker.training.plan import DatasetPlan

PLAN = DatasetPlan("cifar10", ("bird", "airplane"))
LABELS = [2, 0, 5, 0, 2, 9, 2, 0]


def write_copy(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of eight images in three of its batches, in torchvision's format, that it takes for the real one."""
    folder = data_dir / "cifar-10-batches-py"
    folder.mkdir(parents=True)
    lists: dict[str, list[list[str]]] = {"train_list": [], "test_list": []}
    filled = {"data_batch_1": 0, "data_batch_2": 8, "test_batch": 16}
    for name in [*LAYOUT.files["train"], *LAYOUT.files["val"]]:
        count = 8 if name in filled else 0
        pixels = np.full((count, 3072), filled.get(name, 0), dtype=np.uint8)
        pixels += np.arange(count, dtype=np.uint8)[:, None]
        content = pickle.dumps({"data": pixels, "labels": LABELS[:count]})
        (folder / name).write_bytes(content)
        which = "test_list" if name in LAYOUT.files["val"] else "train_list"
        lists[which].append([name, hashlib.md5(content).hexdigest()])
    meta = pickle.dumps({"label_names": list(LAYOUT.classes)})
    (folder / "batches.meta").write_bytes(meta)
    monkeypatch.setattr(CIFAR10, "meta", {**CIFAR10.meta, "md5": hashlib.md5(meta).hexdigest()})
    for which, files in lists.items():
        monkeypatch.setattr(CIFAR10, which, files)
    return folder


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
    assert (held.source, held.ready, held.classes) == ("torchvision", True, LAYOUT.classes)
    assert set(held.counts.values()) == {(5000, 1000)}


def test_the_names_file_is_not_needed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The classes' names are known: a copy without `batches.meta` is complete."""
    (write_copy(tmp_path, monkeypatch) / "batches.meta").unlink()
    assert len(load(PLAN, tmp_path, tmp_path).train) == 12


@pytest.mark.parametrize("left", [[], ["data_batch_1"], [*LAYOUT.files["train"], *LAYOUT.files["val"]]])
def test_a_broken_off_copy_hides_no_complete_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, left: list[str]
) -> None:
    """An empty folder, some batches, or all with the last one cut off: class folders beside it are taken, and said."""
    folder = write_copy(tmp_path, monkeypatch)
    for path in folder.iterdir():
        if path.name not in left:
            path.unlink()
        elif path.name == "test_batch":
            path.write_bytes(path.read_bytes()[:-5])
    fill(tmp_path / "cifar2")
    data = load(PLAN, tmp_path, tmp_path)
    assert (data.source, len(data.train)) == ("folder", 8)
    assert [record.message for record in caplog.records] == ["dataset_copy_passed_over"]
    assert vars(caplog.records[0])["path"] == str(folder)
    assert "test_batch" in vars(caplog.records[0])["reason"] or "missing" in vars(caplog.records[0])["reason"]


def test_a_batch_that_is_overwritten_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A damage is found by the next job of the same process, also behind a link and at the old time."""
    path = write_copy(tmp_path, monkeypatch) / "data_batch_1"
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    load(PLAN, tmp_path, tmp_path)
    status = path.stat()
    path.write_bytes(bytes(status.st_size))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    with pytest.raises(DatasetCorrupt, match="damaged"):
        load(PLAN, tmp_path, tmp_path)
