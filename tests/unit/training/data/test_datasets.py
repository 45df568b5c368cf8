"""Finding data sets, the cache on disk, and loading once per process."""

from __future__ import annotations

import dataclasses
import errno
import logging
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from shared.jobspec import BUILT_IN
from tests.unit.training.data.test_folders import fill, survey
from worker.training.data import DATASETS, Datasets, ImageForm, candidates, load
from worker.training.data.cache import FORMAT, READINGS, cache_path
from worker.training.data.datasets import LOOK_SECONDS
from worker.training.data.records import Split
from worker.training.data.sources.folders import ClassFolders
from worker.training.data.sources.layouts import CIFAR10
from worker.training.errors import DatasetCorrupt, DatasetUnavailable, InvalidPlan
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

    def counted(self: ClassFolders, classes: tuple[str, ...], form: ImageForm) -> object:
        done.append(self.place)
        return decode(self, classes, form)

    monkeypatch.setattr(ClassFolders, "decode", counted)
    return done


def folders(data_dir: Path) -> ClassFolders:
    """Its class folders."""
    return ClassFolders(data_dir / "cifar2", CIFAR10.classes, (3, 32, 32))


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
    assert candidates(PLAN, data_dir)[0].place.endswith("cifar2")
    assert candidates(DatasetPlan("cifar10", ("cat", "bird")), data_dir)[0].place.endswith("cifar10")


def test_class_folders_without_images_hide_no_others(data_dir: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A copy that lacks images is passed over for a complete one, and the log says so; a bad image is no reason."""
    fill(data_dir / "cifar10", train=3, val=1)
    for path in (data_dir / "cifar2" / "val" / "bird").iterdir():
        path.unlink()
    assert len(load(PLAN, data_dir, data_dir).train) == 6
    assert [record.message for record in caplog.records] == ["dataset_copy_passed_over"]
    assert "cifar2/val/bird: there are no images" in vars(caplog.records[0])["reason"]
    (data_dir / "cifar10" / "val" / "bird" / "0000.png").write_bytes(b"")
    with pytest.raises(DatasetCorrupt, match=r"cifar10/val/bird/0000\.png"):
        load(PLAN, data_dir, data_dir)


def test_an_impossible_name_is_an_invalid_plan(tmp_path: Path) -> None:
    """A name that no folder can have; the message says which sets are built in."""
    with pytest.raises(InvalidPlan, match=r"called '\.\./secret'; built in are cifar10, synthetic"):
        load(DatasetPlan("../secret", ("a", "b")), tmp_path, tmp_path)


def test_limits_take_the_first_of_each_class(data_dir: Path) -> None:
    """The subset has figures and a fingerprint of its own."""
    whole = load(PLAN, data_dir, data_dir)
    some = load(dataclasses.replace(PLAN, train_per_class=3, val_per_class=1), data_dir, data_dir)
    assert torch.equal(some.train.images, whole.train.images[[0, 1, 2, 4, 5, 6]])
    assert some.val.counts(2) == (1, 1)
    assert some.mean != whole.mean
    assert some.fingerprint != whole.fingerprint


def test_fewer_images_than_asked_for_are_said(data_dir: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A class that is smaller than the limit is taken whole, and the log says how large it is, at each job."""
    (data_dir / "cifar2" / "train" / "bird" / "0003.png").unlink()
    for _ in range(2):
        some = load(dataclasses.replace(PLAN, train_per_class=4, val_per_class=3), data_dir, data_dir)
    assert some.train.counts(2) == (4, 3)
    warnings = [
        (vars(r).get("train_per_class"), vars(r).get("val_per_class"), vars(r)["there"]) for r in caplog.records
    ]
    assert warnings == [(4, None, "bird 3"), (None, 3, "airplane 2, bird 2")] * 2


def test_a_process_decodes_once(data_dir: Path, decodings: list[str]) -> None:
    """The second load is the same object."""
    datasets = Datasets(data_dir, data_dir)
    assert datasets.load(PLAN) is datasets.load(dataclasses.replace(PLAN, normalize="computed"))
    assert len(decodings) == 1


def added(folder: Path) -> None:
    """One more image."""
    (folder / "0009.png").write_bytes((folder / "0000.png").read_bytes())


def replaced(folder: Path) -> None:
    """Another image in place of one, with its time."""
    status = (folder / "0001.png").stat()
    (folder / "0001.png").write_bytes((folder / "0000.png").read_bytes())
    os.utime(folder / "0001.png", ns=(status.st_atime_ns, status.st_mtime_ns))


@pytest.mark.parametrize("change", [added, replaced])
@pytest.mark.parametrize("linked", [False, True])
def test_a_running_process_sees_changes(data_dir: Path, linked: bool, change: Callable[[Path], None]) -> None:
    """The next job trains on what is there now, also behind links: no restart."""
    folder = data_dir / "cifar2" / "train" / "bird"
    if linked:
        folder.rename(data_dir / "elsewhere")
        folder.mkdir()
        for path in (data_dir / "elsewhere").iterdir():
            (folder / path.name).symlink_to(path)
    datasets = Datasets(data_dir, data_dir)
    first = datasets.load(PLAN)
    change(folder)
    assert datasets.load(PLAN).fingerprint != first.fingerprint


class TestLook:
    """A look at the files serves the jobs that were submitted before it, for a moment."""

    @pytest.fixture
    def clock(self, monkeypatch: pytest.MonkeyPatch) -> list[float]:
        """What `time.monotonic()` says in the module."""
        now = [100.0]
        monkeypatch.setattr(time, "monotonic", lambda: now[0])
        return now

    @pytest.fixture
    def looks(self, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
        """The classes whose files were looked at, look by look."""
        done: list[tuple[str, ...]] = []
        inventory = ClassFolders.inventory

        def counted(self: ClassFolders, classes: tuple[str, ...]) -> object:
            done.append(classes)
            return inventory(self, classes)

        monkeypatch.setattr(ClassFolders, "inventory", counted)
        return done

    def test_it_serves_jobs_that_were_submitted_before(
        self, data_dir: Path, clock: list[float], looks: list[tuple[str, ...]]
    ) -> None:
        """Jobs that queued behind another one cost no system call a file; after a moment the files are looked at."""
        datasets = Datasets(data_dir, data_dir)
        first = datasets.load(PLAN, as_of=99.0)
        looks.clear()
        clock[0] += LOOK_SECONDS - 0.1
        assert datasets.load(PLAN, as_of=100.0) is first
        assert looks == []
        clock[0] += 0.2
        assert datasets.load(PLAN, as_of=99.0) is first
        assert looks == [PLAN.classes]

    def test_whoever_changes_an_image_and_then_submits_trains_on_it(self, data_dir: Path, clock: list[float]) -> None:
        """However short a while after another job."""
        datasets = Datasets(data_dir, data_dir)
        first = datasets.load(PLAN, as_of=99.0)
        replaced(data_dir / "cifar2" / "train" / "bird")
        clock[0] += 0.01
        assert datasets.load(PLAN, as_of=100.005).fingerprint != first.fingerprint

    def test_it_serves_no_other_data(self, data_dir: Path, clock: list[float], looks: list[tuple[str, ...]]) -> None:
        """Other classes, and another copy, are looked at."""
        del clock
        datasets = Datasets(data_dir, data_dir)
        datasets.load(PLAN, as_of=99.0)
        looks.clear()
        turned = DatasetPlan("cifar10", ("bird", "airplane"))
        assert datasets.load(turned, as_of=99.0).classes == ("bird", "airplane")
        assert looks[0] == ("bird", "airplane")
        fill(data_dir / "cifar10", train=1, classes=("bird", "cat"))
        assert len(datasets.load(DatasetPlan("cifar10", ("bird", "cat")), as_of=99.0).train) == 2


class Changing:
    """Class folders into which somebody else writes while they are decoded, so many times."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, change: Callable[[], None], times: int) -> None:
        self.decodings = 0
        decode = ClassFolders.decode

        def interrupted(source: ClassFolders, classes: tuple[str, ...], form: ImageForm) -> tuple[Split, Split]:
            self.decodings += 1
            try:
                return decode(source, classes, form)
            finally:
                if self.decodings <= times:
                    change()

        monkeypatch.setattr(ClassFolders, "decode", interrupted)


def test_images_that_change_while_they_are_read_are_read_again(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the job nor the cache gets images that are not there any more."""
    folder = data_dir / "cifar2" / "train" / "bird"
    changing = Changing(monkeypatch, lambda: replaced(folder), times=1)
    data = load(PLAN, data_dir, data_dir)
    assert torch.equal(data.train.images[5], data.train.images[4])
    assert changing.decodings == 2
    assert load(PLAN, data_dir, data_dir).fingerprint == data.fingerprint
    assert changing.decodings == 2


def test_a_copy_that_is_still_being_written_is_awaited(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An image that was half there at first is no damaged one."""
    path = data_dir / "cifar2" / "train" / "bird" / "0002.png"
    whole = path.read_bytes()
    path.write_bytes(whole[:200])

    def finished() -> None:
        path.write_bytes(whole)

    Changing(monkeypatch, finished, times=1)
    assert len(load(PLAN, data_dir, data_dir).train) == 8


def test_a_file_that_vanishes_while_it_is_read_is_left_out(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The images are those that are there in the end."""
    path = data_dir / "cifar2" / "train" / "bird" / "0002.png"
    Changing(monkeypatch, path.unlink, times=1)
    assert len(load(PLAN, data_dir, data_dir).train) == 7


def test_folders_that_never_come_to_rest_are_refused(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a few readings the message says what is going on."""
    folder = data_dir / "cifar2" / "train" / "bird"
    changing = Changing(monkeypatch, lambda: added(folder), times=99)
    with pytest.raises(DatasetCorrupt, match="change while they are read"):
        load(PLAN, data_dir, data_dir)
    assert changing.decodings == READINGS
    assert not list(data_dir.glob("decoded-*"))


def test_a_machine_decodes_once(data_dir: Path, decodings: list[str]) -> None:
    """Another process reads the cache, and gets the same images."""
    first = load(PLAN, data_dir, data_dir)
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


def older(path: Path) -> None:
    """As an earlier release wrote it, which may hold 16-bit images in white and photographs on their side."""
    torch.save(torch.load(path) | {"format": FORMAT - 1}, path)


@pytest.mark.parametrize("spoil", [flipped, short, emptied, foreign, older])
def test_an_invalid_cache_is_made_anew(data_dir: Path, decodings: list[str], spoil: Callable[[Path], None]) -> None:
    """A damaged cache costs a decoding, then there is a good one again."""
    first = load(PLAN, data_dir, data_dir)
    path = cache_path(folders(data_dir), PLAN.classes, ImageForm(), data_dir)
    spoil(path)
    for _ in range(2):
        assert load(PLAN, data_dir, data_dir).fingerprint == first.fingerprint
    assert len(decodings) == 2


def test_an_outdated_cache_is_replaced(data_dir: Path, decodings: list[str]) -> None:
    """An image that was overwritten is seen by the next process, and no second file is kept."""
    first = load(PLAN, data_dir, data_dir / "cache")
    folder = data_dir / "cifar2" / "train" / "bird"
    (folder / "0001.png").write_bytes((folder / "0000.png").read_bytes())
    assert load(PLAN, data_dir, data_dir / "cache").fingerprint != first.fingerprint
    assert len(decodings) == 2
    assert len(list((data_dir / "cache").glob("decoded-*"))) == 1


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
    """Names, classes, shapes and moments agree; and complete copies have the counts that the spec promises."""
    whole = {held.name: held for held in survey(tmp_path, allow_download=True)}
    assert whole.keys() == DATASETS.keys() == BUILT_IN.datasets.keys()
    for name, info in BUILT_IN.datasets.items():
        entry = DATASETS[name]
        assert (info.classes, info.input_shape) == (entry.classes, entry.input_shape)
        assert info.published_moments == entry.published_moments
        assert (info.classes, info.input_shape) == (whole[name].classes, whole[name].input_shape)
        assert dict(info.counts) == whole[name].counts


def test_every_registered_data_set_has_classes_and_moments() -> None:
    """One entry is all there is to a data set; each has a mean and a deviation per channel."""
    for name, dataset in DATASETS.items():
        assert dataset.name == name
        assert len(dataset.classes) >= 2
        assert [len(moments) for moments in dataset.published_moments] == [dataset.input_shape[0]] * 2
