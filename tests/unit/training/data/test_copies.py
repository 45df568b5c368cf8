"""torchvision's small sets from its copies, in their real formats; files that are not what they should be."""

from __future__ import annotations

import gzip
import os
import pickle
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torchvision import datasets

from tests.support.copies import NAMES, TRAIN, VAL, idx, labels, matlab, md5, pixels, write_copy
from tests.unit.training.data.test_folders import survey
from worker.training.data import DATASETS, Datasets, ImageForm, load
from worker.training.data.loader import inputs_of
from worker.training.data.sources import formats
from worker.training.data.sources.formats import Malformed
from worker.training.data.sources.layouts import LAYOUTS
from worker.training.errors import DatasetCorrupt, ImageNotFound, InvalidPlan
from worker.training.plan import DatasetPlan, MlpPlan, TrainingPlan

OF_TORCHVISION: dict[str, Callable[[str, bool], Any]] = {
    "mnist": lambda root, train: datasets.MNIST(root, train=train),
    "fashion_mnist": lambda root, train: datasets.FashionMNIST(root, train=train),
    "cifar100": lambda root, train: datasets.CIFAR100(root, train=train),
    "stl10": lambda root, train: datasets.STL10(root, split="train" if train else "test"),
}
"""torchvision's own readers; that of SVHN needs another library."""


def plan(name: str, *classes: str, **fields: Any) -> DatasetPlan:
    """A plan for some classes of a set, of all by default, in the set's own channels."""
    return DatasetPlan(name, classes or DATASETS[name].classes, **{"channels": DATASETS[name].input_shape[0], **fields})


@pytest.mark.parametrize("name", NAMES)
def test_a_copy_is_read_as_it_is(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pixels, labels and the order of the file."""
    write_copy(name, tmp_path, monkeypatch)
    data, shape = load(plan(name), tmp_path, tmp_path / "cache"), DATASETS[name].input_shape
    assert (data.source, data.input_shape) == ("torchvision", shape)
    for split, which in ((data.train, "train"), (data.val, "val")):
        assert np.array_equal(
            split.images.numpy(), pixels(which, *shape[1 if shape[0] == 1 else 0 :]).reshape(-1, *shape)
        )
        assert split.labels.tolist() == labels(which, len(data.classes)).tolist()
        assert split.index.tolist() == list(range(len(split)))
        assert (split.split, split.names) == (which, ())


@pytest.mark.parametrize("name", OF_TORCHVISION)
def test_torchvision_reads_the_same(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The miniature is a copy by its own rules too, and gives it the same images and labels."""
    write_copy(name, tmp_path, monkeypatch)
    data = load(plan(name), tmp_path, tmp_path / "cache")
    for split, train in ((data.train, True), (data.val, False)):
        theirs = OF_TORCHVISION[name](str(tmp_path), train)
        images = [np.asarray(theirs[number][0]) for number in range(len(theirs))]
        ours = split.images.permute(0, 2, 3, 1).squeeze(3).numpy()
        assert np.array_equal(np.stack(images), ours)
        assert [theirs[number][1] for number in range(len(theirs))] == split.labels.tolist()


@pytest.mark.parametrize("name", NAMES)
def test_what_is_found_is_reported(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Published classes and counts, without reading a file; half a copy is not ready."""
    paths = write_copy(name, tmp_path, monkeypatch)
    held = {one.name: one for one in survey(tmp_path)}[name]
    assert (held.ready, held.classes, held.has_val) == (True, DATASETS[name].classes, True)
    assert held.input_shape == DATASETS[name].input_shape
    assert held.decoded_bytes == sum(map(sum, LAYOUTS[name].counts)) * np.prod(DATASETS[name].input_shape)
    for path in [paths[-1], paths[-1].with_name(f"{paths[-1].name}.gz")]:
        path.unlink(missing_ok=True)
    assert not {one.name: one for one in survey(tmp_path)}[name].ready
    with pytest.raises(DatasetCorrupt, match="missing"):
        load(plan(name), tmp_path, tmp_path / "cache")


@pytest.mark.parametrize("name", NAMES)
def test_some_classes_keep_the_files_order(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Labelled in the order asked for, with their numbers in the whole split; single images are the same ones."""
    write_copy(name, tmp_path, monkeypatch)
    both = DATASETS[name].classes[6], DATASETS[name].classes[3]
    sets = Datasets(tmp_path, tmp_path / "cache")
    data = sets.load(plan(name, *both, image_size=20, channels=3))
    own = labels("train", len(DATASETS[name].classes))
    assert data.train.index.tolist() == [number for number in range(TRAIN) if own[number] in {3, 6}]
    assert data.train.labels.tolist() == [0 if own[number] == 6 else 1 for number in data.train.index.tolist()]
    again = sets.images(name, "train", data.train.index.tolist(), ImageForm(3, 20))
    assert torch.equal(torch.stack(again), data.train.images)
    with pytest.raises(ImageNotFound, match=f"no image {VAL} in the split val: it has {VAL} images"):
        sets.images(name, "val", [VAL])


def test_compressed_files_are_as_good(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """MNIST as it was downloaded, before anybody unpacked it."""
    paths = write_copy("mnist", tmp_path, monkeypatch)
    whole = load(plan("mnist"), tmp_path, tmp_path / "cache").fingerprint
    for path in paths:
        path.unlink()
    assert {one.name: one.ready for one in survey(tmp_path)}["mnist"]
    assert load(plan("mnist"), tmp_path, tmp_path / "other").fingerprint == whole
    packed = paths[0].with_name(f"{paths[0].name}.gz")
    packed.write_bytes(packed.read_bytes()[:-9])
    with pytest.raises(DatasetCorrupt, match=r"\.gz: this file is damaged"):
        load(plan("mnist"), tmp_path, tmp_path / "other")


def test_a_packed_file_that_is_cut_off_is_damaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where its hash would be right."""
    for path in write_copy("mnist", tmp_path, monkeypatch):
        path.unlink()
    packed = tmp_path / "MNIST" / "raw" / "train-images-idx3-ubyte.gz"
    for content in (packed.read_bytes()[:-9], b"no gzip", gzip.compress(b"no idx")):
        packed.write_bytes(content)
        resources = [(name, md5(packed) if name == packed.name else hash_) for name, hash_ in datasets.MNIST.resources]
        monkeypatch.setattr(datasets.MNIST, "resources", resources)
        with pytest.raises(DatasetCorrupt, match="this file is damaged"):
            load(plan("mnist"), tmp_path, tmp_path / "cache")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "spoil", [lambda whole: whole[:-7], lambda _: b"", lambda whole: bytes(len(whole))], ids=["cut", "empty", "zeros"]
)
def test_damage_is_named(
    name: str, spoil: Callable[[bytes], bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that is cut off, empty or overwritten: permanent, and with a remedy."""
    path = write_copy(name, tmp_path, monkeypatch)[0]
    path.write_bytes(spoil(path.read_bytes()))
    with pytest.raises(DatasetCorrupt, match=rf"{path.name}: this file is damaged") as caught:
        load(plan(name), tmp_path, tmp_path / "cache")
    assert "fresh copy" in caught.value.detail
    assert caught.value.path == path


@pytest.mark.parametrize(
    "content, problem",
    [
        (idx(np.zeros((TRAIN, 28, 27), np.uint8)), "its images are not 28 × 28 pixels"),
        (idx(np.zeros((TRAIN - 1, 28, 28), np.uint8)), f"it has {TRAIN - 1} images and {TRAIN} labels"),
        (b"\0\0\x09\x03" + bytes(100), "it is no IDX file of bytes"),
        (b"\0\0\x08\x09" + bytes(10), "it is cut off"),
        (struct.pack(">BBBBI", 0, 0, 8, 1, 2**32 - 1), "it has 0 values, not 4294967295"),
    ],
)
def test_what_is_no_mnist_says_why(
    content: bytes, problem: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An unpacked file has no published hash: its format is what is checked. Nothing is allocated on its word."""
    write_copy("mnist", tmp_path, monkeypatch)
    (tmp_path / "MNIST" / "raw" / "train-images-idx3-ubyte").write_bytes(content)
    with pytest.raises(DatasetCorrupt, match=f"this file is damaged: {problem}"):
        load(plan("mnist"), tmp_path, tmp_path / "cache")


def test_a_label_without_a_class_is_damage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rather than an image of some other class."""
    write_copy("mnist", tmp_path, monkeypatch)
    path = tmp_path / "MNIST" / "raw" / "t10k-labels-idx1-ubyte"
    path.write_bytes(idx(np.full(VAL, 10, np.uint8)))
    with pytest.raises(DatasetCorrupt, match="a label that stands for no class"):
        load(plan("mnist"), tmp_path, tmp_path / "cache")


class Harm:
    """Makes a folder when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_pickle_that_would_run_something_is_refused(
    protocol: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even where its hash is the published one: nothing is called, and the message says what it asked for."""
    path = write_copy("cifar100", tmp_path, monkeypatch)[0]
    harm = Harm(tmp_path / "harmed")
    path.write_bytes(pickle.dumps({"data": pixels("train", 3072), "fine_labels": harm}, protocol=protocol))
    monkeypatch.setattr(datasets.CIFAR100, "train_list", [["train", md5(path)]])
    with pytest.raises(DatasetCorrupt, match=r"its pickle asks for \w+\.mkdir, which no copy of this data set needs"):
        load(plan("cifar100"), tmp_path, tmp_path / "cache")
    assert not harm.path.exists()


@pytest.mark.parametrize("target", ["os.system", "builtins.eval", "numpy.load", "numpy._core.records.fromfile"])
def test_no_function_but_numpys_for_arrays_is_found(target: str) -> None:
    """A pickle is a program: it may call nothing else."""
    module, _, name = target.rpartition(".")
    program = f"c{module}\n{name}\n(S'anything'\ntR.".encode()
    with pytest.raises(Malformed, match=rf"asks for {target}"):
        formats.batch(program)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_batches_of_every_protocol_are_read(protocol: int) -> None:
    """Those of Python 2, whose texts and bytes are one type, and of today's numpy."""
    data = np.arange(6, dtype=np.uint8).reshape(2, 3)
    content = {"data": data, "labels": [1, 2], "batch_label": "one"}
    found = formats.batch(pickle.dumps(content, protocol=protocol))
    assert np.array_equal(found["data"], data)
    assert (found["labels"], found["batch_label"]) == ([1, 2], "one")


def test_a_batch_of_python_2_is_read() -> None:
    """As CIFAR's home page has it: byte strings, and numpy under its old name."""
    array = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntS'b'\ntR(I1\n(I2\ntcnumpy\ndtype\n"
    array += b"(S'u1'\nI0\nI1\ntR(I3\nS'|'\nNNNI-1\nI-1\nI0\ntbI00\nS'\\x07\\xff'\ntb"
    found = formats.batch(b"(dS'data'\n" + array + b"sS'labels'\n(lI3\nas.")
    assert found["data"].tolist() == [7, 255]
    assert found["labels"] == [3]


@pytest.mark.parametrize("content", [b"", b"\x80\x05", pickle.dumps([1]), b"S'unfinished"])
def test_what_is_no_batch_is_refused(content: bytes) -> None:
    """Damaged, or something else."""
    with pytest.raises(Malformed, match="pickle"):
        formats.batch(content)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("compressed", [True, False])
def test_matlab_files_of_both_kinds_are_read(order: str, compressed: bool) -> None:
    """Of either byte order, packed or not; numbers of any type, in MATLAB's order of dimensions."""
    arrays = {
        "X": np.arange(48, dtype=np.uint8).reshape(2, 3, 4, 2),
        "y": np.array([[1.0], [10.0]]),
        "z": np.array([[3], [-4]], dtype=np.int16),
    }
    found = formats.matlab(matlab(arrays, order, compressed=compressed))
    assert found.keys() == arrays.keys()
    for name, array in arrays.items():
        assert np.array_equal(found[name], array)


def test_svhns_ten_is_the_digit_zero(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in torchvision."""
    write_copy("svhn", tmp_path, monkeypatch)
    assert load(plan("svhn", "0", "3"), tmp_path, tmp_path / "cache").train.counts(2) == (3, 3)


@pytest.mark.parametrize("name", NAMES)
def test_published_moments_fit_the_sets_own_channels(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In other channels an image has other moments: that is said, not guessed."""
    write_copy(name, tmp_path, monkeypatch)
    own = DATASETS[name].input_shape[0]
    for channels in (1, 3):
        dataset = plan(name, channels=channels)
        data = load(dataset, tmp_path, tmp_path / "cache")
        training = TrainingPlan(dataset, MlpPlan((4,)))
        if channels == own:
            assert inputs_of(training, data).mean == DATASETS[name].published_moments[0]
        else:
            with pytest.raises(InvalidPlan, match=f"no moments of {channels} channels"):
                inputs_of(training, data)


def test_names_hashes_and_addresses_are_those_of_torchvision() -> None:
    """Names are written down here too, so that looking for a copy does not import torchvision, which takes seconds."""
    for layout in LAYOUTS.values():
        known, archives = layout.hashes(), layout.archives()
        assert all(len(each) == 32 for each in [*known.values(), *(archive.md5 for archive in archives)])
        for names in layout.files.values():
            assert all(name in known or f"{name}.gz" in known for name in names)
        assert any(url.startswith(layout.url) for archive in archives for url in archive.urls)
    assert LAYOUTS["mnist"].folder == "MNIST/raw"
    assert {datasets.CIFAR10.base_folder, datasets.CIFAR100.base_folder, datasets.STL10.base_folder} == {
        LAYOUTS[name].folder for name in ("cifar10", "cifar100", "stl10")
    }
    assert [tuple(each.split(" - ")[0] for each in datasets.MNIST.classes)] == [LAYOUTS["mnist"].classes]
    assert tuple(datasets.FashionMNIST.classes) == LAYOUTS["fashion_mnist"].classes


def test_published_counts_are_those_of_whole_sets() -> None:
    """60,000 and 10,000 digits, and so on."""
    sums = {name: tuple(map(sum, zip(*layout.counts, strict=True))) for name, layout in LAYOUTS.items()}
    assert sums == {
        "cifar10": (50_000, 10_000),
        "cifar100": (50_000, 10_000),
        "mnist": (60_000, 10_000),
        "fashion_mnist": (60_000, 10_000),
        "svhn": (73_257, 26_032),
        "stl10": (5_000, 8_000),
    }
