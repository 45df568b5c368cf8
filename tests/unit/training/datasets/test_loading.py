"""Finding data sets, the cache on disk, and loading once per process."""

from __future__ import annotations

import dataclasses
import errno
import logging
import os
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from shared.spec import DATASETS as SPEC
from tests.unit.training.datasets.test_folders import fill
from worker.training.datasets import DATASETS, find, load, loading, survey
from worker.training.datasets.cache import cache_path
from worker.training.datasets.folders import ClassFolders
from worker.training.errors import DatasetUnavailable, InvalidPlan
from worker.training.plan import DatasetPlan

PLAN = DatasetPlan("cifar10", ("airplane", "bird"))


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """A data directory with a small `cifar2` in it."""
    fill(tmp_path / "data" / "cifar2")
    return tmp_path / "data"


@pytest.fixture
def decodings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Grows by one whenever class folders are decoded."""
    done: list[str] = []
    decode = ClassFolders.decode

    def counted(self: ClassFolders, classes: tuple[str, ...]) -> object:
        done.append(self.place)
        return decode(self, classes)

    monkeypatch.setattr(ClassFolders, "decode", counted)
    return done


def forget() -> None:
    """As another process would: nothing in memory."""
    loading._loaded.cache_clear()


def test_a_missing_data_set_says_where_it_was_looked_for(tmp_path: Path) -> None:
    """Every place, and how to get it."""
    with pytest.raises(DatasetUnavailable) as caught:
        load(PLAN, tmp_path / "data", tmp_path)
    for hint in ("cifar-10-batches-py", "cifar2", "cifar10", "FLIGHTLINE_DATA_DIR", "FLIGHTLINE_ALLOW_DOWNLOAD"):
        assert hint in caught.value.detail
    assert not caught.value.retryable


def test_a_class_that_is_not_held_says_what_is(data_dir: Path) -> None:
    """The message tells which classes there are."""
    with pytest.raises(DatasetUnavailable, match=r"cat.*cifar2 \(airplane, bird\)"):
        load(DatasetPlan("cifar10", ("airplane", "cat")), data_dir, data_dir)


def test_there_is_no_silent_fallback(tmp_path: Path) -> None:
    """Asking for photographs never gives drawings."""
    assert [held.name for held in survey(tmp_path)] == ["synthetic"]
    with pytest.raises(DatasetUnavailable):
        load(PLAN, tmp_path, tmp_path)


def test_the_first_source_with_all_classes_is_taken(data_dir: Path) -> None:
    """A folder of two classes comes before one of three, unless the third is asked for."""
    fill(data_dir / "cifar10", train=1, val=1, classes=("airplane", "bird", "cat"))
    assert find(PLAN, data_dir).place.endswith("cifar2")
    assert find(DatasetPlan("cifar10", ("cat", "bird")), data_dir).place.endswith("cifar10")


def test_an_unknown_data_set_is_an_invalid_plan(tmp_path: Path) -> None:
    """The message says which are known."""
    with pytest.raises(InvalidPlan, match="cifar10, synthetic"):
        load(DatasetPlan("imagenet", ("a", "b")), tmp_path, tmp_path)


def test_limits_take_the_first_of_each_class(data_dir: Path) -> None:
    """The subset has figures and a fingerprint of its own."""
    whole = load(PLAN, data_dir, data_dir)
    some = load(dataclasses.replace(PLAN, train_per_class=3, val_per_class=1), data_dir, data_dir)
    assert torch.equal(some.train.images, whole.train.images[[0, 1, 2, 4, 5, 6]])
    assert some.val.counts(2) == (1, 1)
    assert some.mean != whole.mean
    assert some.fingerprint != whole.fingerprint


def test_a_process_decodes_once(data_dir: Path, decodings: list[str]) -> None:
    """The second load is the same object; a new file loads anew."""
    first = load(PLAN, data_dir, data_dir)
    assert load(PLAN, data_dir, data_dir) is first
    folder = data_dir / "cifar2" / "train" / "bird"
    (folder / "0009.png").write_bytes((folder / "0000.png").read_bytes())
    os.utime(folder, ns=(1, 1))  # file systems with coarse times would not show so quick a change
    assert len(load(PLAN, data_dir, data_dir).train) == 9
    assert len(decodings) == 2


def test_a_machine_decodes_once(data_dir: Path, decodings: list[str]) -> None:
    """Another process reads the cache, and gets the same images."""
    first = load(PLAN, data_dir, data_dir)
    forget()
    second = load(PLAN, data_dir, data_dir)
    assert second is not first
    assert second.fingerprint == first.fingerprint
    assert len(decodings) == 1


def flipped(path: Path) -> None:
    """One wrong bit among the pixels."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def short(path: Path) -> None:
    """Cut off."""
    path.write_bytes(path.read_bytes()[:1000])


def emptied(path: Path) -> None:
    """Nothing left."""
    path.write_bytes(b"")


def foreign(path: Path) -> None:
    """Something else that torch can load."""
    torch.save({"format": 99}, path)


@pytest.mark.parametrize("spoil", [flipped, short, emptied, foreign])
def test_an_invalid_cache_is_made_anew(data_dir: Path, decodings: list[str], spoil: Callable[[Path], None]) -> None:
    """A damaged cache costs a decoding, then there is a good one again."""
    first = load(PLAN, data_dir, data_dir)
    path = cache_path(find(PLAN, data_dir), PLAN.classes, data_dir)
    spoil(path)
    for _ in range(2):
        forget()
        assert load(PLAN, data_dir, data_dir).fingerprint == first.fingerprint
    assert len(decodings) == 2


def test_an_outdated_cache_is_replaced(data_dir: Path, decodings: list[str]) -> None:
    """An image that was overwritten is seen by the next process, and no second file is kept."""
    first = load(PLAN, data_dir, data_dir / "cache")
    folder = data_dir / "cifar2" / "train" / "bird"
    (folder / "0001.png").write_bytes((folder / "0000.png").read_bytes())
    forget()
    assert load(PLAN, data_dir, data_dir / "cache").fingerprint != first.fingerprint
    assert len(decodings) == 2
    assert len(list((data_dir / "cache").iterdir())) == 1


def test_a_full_disk_costs_only_the_cache(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The job gets its images; a warning says why they will be decoded again; nothing half written is left."""

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with caplog.at_level(logging.WARNING):
        assert len(load(PLAN, data_dir, data_dir / "cache").train) == 8
    assert [record.message for record in caplog.records] == ["dataset_cache_not_written"]
    assert list((data_dir / "cache").iterdir()) == []


def test_a_cache_folder_that_cannot_be_made_costs_only_the_cache(data_dir: Path) -> None:
    """A file where the folder should be."""
    (data_dir / "cache").write_text("in the way")
    assert len(load(PLAN, data_dir, data_dir / "cache").train) == 8


def test_the_spec_and_the_worker_know_the_same_data_sets(tmp_path: Path) -> None:
    """Names, classes and shapes agree, and the drawn set has the counts that the spec promises."""
    assert {name: (info.classes, info.input_shape) for name, info in SPEC.items()} == {
        name: (dataset.classes, dataset.input_shape) for name, dataset in DATASETS.items()
    }
    for held in survey(tmp_path, allow_download=True):
        info = SPEC[held.name]
        assert set(held.counts.values()) == {(info.train_per_class, info.val_per_class)}


def test_every_registered_data_set_has_classes_and_moments() -> None:
    """One entry is all there is to a data set; each has a mean and a deviation per channel."""
    for name, dataset in DATASETS.items():
        assert dataset.name == name
        assert len(dataset.classes) >= 2
        assert [len(moments) for moments in dataset.published_moments] == [dataset.input_shape[0]] * 2
