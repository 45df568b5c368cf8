"""A person's own class folders: every awkward kind of them."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from tests.unit.training.data.test_folders import survey
from worker.training.data import Datasets, ImageForm, load
from worker.training.data.records import HeldDataset
from worker.training.errors import (
    DatasetCorrupt,
    DatasetTooLarge,
    DatasetUnavailable,
    ImageNotFound,
    InvalidPlan,
)
from worker.training.plan import DatasetPlan

SIZES = {"cat": [(40, 30), (64, 64)], "dog": [(30, 50)]}
"""Width and height of each image of a small set, in whose every image the left half is dark."""


def draw(path: Path, width: int, height: int, mode: str = "RGB", level: int = 200) -> None:
    """A picture whose left half is dark."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.full((height, width), level, dtype=np.uint8)
    pixels[:, : width // 2] = 20
    Image.fromarray(pixels).convert(mode).save(path)


def pets(data_dir: Path, sizes: Mapping[str, list[tuple[int, int]]] = SIZES, split: str = "train") -> Path:
    """A data set `pets` of these pictures."""
    for name, pictures in sizes.items():
        for number, (width, height) in enumerate(pictures):
            draw(data_dir / "pets" / split / name / f"{number}.png", width, height)
    return data_dir / "pets"


def plan(*classes: str, **fields: Any) -> DatasetPlan:
    """A plan for the set `pets`."""
    return dataclasses.replace(DatasetPlan("pets", classes or ("cat", "dog"), "computed"), **fields)


def held(data_dir: Path) -> HeldDataset:
    """What is found of the set."""
    return {one.name: one for one in survey(data_dir)}["pets"]


def test_images_of_many_sizes_are_resized_and_cut(tmp_path: Path) -> None:
    """The shorter side first, then the square in the centre."""
    pets(tmp_path)
    data = load(plan(image_size=16, val_fraction=0.5), tmp_path, tmp_path / "cache")
    assert data.input_shape == (3, 16, 16)
    for image in torch.cat([data.train.images, data.val.images]):
        assert image[:, :, :6].max() < 60
        assert image[:, :, 10:].min() > 150


def test_the_survey_says_what_a_job_must_choose(tmp_path: Path) -> None:
    """No shape where sizes differ, and no validation split; with one size and a split, both are known."""
    pets(tmp_path)
    one = held(tmp_path)
    assert (one.input_shape, one.decoded_bytes, one.has_val) == (None, None, False)
    assert one.counts == {"cat": (2, 0), "dog": (1, 0)}
    other = tmp_path / "other"
    pets(other, {"cat": [(8, 6)] * 3, "dog": [(8, 6)]})
    pets(other, {"cat": [(8, 6)], "dog": [(8, 6)]}, "test")
    one = held(other)
    assert (one.input_shape, one.decoded_bytes, one.has_val, one.ready) == ((3, 6, 8), 6 * 144, True, True)


def test_a_set_of_one_size_needs_no_image_size(tmp_path: Path) -> None:
    """Whatever the size, square or not; grey or colour as the plan says."""
    pets(tmp_path, {"cat": [(9, 5)] * 2, "dog": [(9, 5)] * 2})
    grey = load(plan(channels=1, val_fraction=0.5), tmp_path, tmp_path / "cache")
    colour = load(plan(val_fraction=0.5), tmp_path, tmp_path / "cache")
    assert (grey.input_shape, colour.input_shape) == ((1, 5, 9), (3, 5, 9))
    assert torch.equal(grey.train.images.expand(-1, 3, -1, -1), colour.train.images)


def test_one_image_of_another_size_is_named(tmp_path: Path) -> None:
    """With the way out: an image_size."""
    root = pets(tmp_path, {"cat": [(9, 5)] * 2, "dog": [(9, 5), (5, 9)]})
    with pytest.raises(DatasetCorrupt, match=r"5 × 9 pixels, not 9 × 5.*image_size") as caught:
        load(plan(val_fraction=0.5), tmp_path, tmp_path / "cache")
    assert caught.value.path == root / "train" / "dog" / "1.png"


def test_the_choice_of_a_validation_split_is_the_jobs(tmp_path: Path) -> None:
    """Needed where there is no folder, refused where there is one."""
    pets(tmp_path)
    with pytest.raises(InvalidPlan, match=r'no validation split in .*"val_fraction": 0.2'):
        load(plan(image_size=8), tmp_path, tmp_path / "cache")
    pets(tmp_path, split="val")
    with pytest.raises(InvalidPlan, match=r"has a validation split of its own.*leave val_fraction out"):
        load(plan(image_size=8, val_fraction=0.2), tmp_path, tmp_path / "cache")
    assert len(load(plan(image_size=8), tmp_path, tmp_path / "cache").val) == 3


def test_every_job_validates_on_the_same_images(tmp_path: Path) -> None:
    """Whichever classes, sizes and limits it has."""
    pets(tmp_path, {"cat": [(20, 20)] * 20, "dog": [(20, 20)] * 7, "eel": [(20, 20)] * 5})
    one = load(plan("cat", "dog", "eel", val_fraction=0.2), tmp_path, tmp_path / "cache")
    two = load(plan("dog", "cat", val_fraction=0.2, image_size=8, train_per_class=2), tmp_path, tmp_path / "cache")
    assert one.val.counts(3) == (4, 1, 1)
    assert {name for name in one.val.names if "eel" not in name} == set(two.val.names)
    assert not {*one.train.names} & {*one.val.names}
    assert two.train.counts(2) == (2, 2)


def test_a_part_is_held_out_and_the_sets_own_split_is_the_test(tmp_path: Path) -> None:
    """The held-out part comes from the training images, and limits do not shrink the test split."""
    pets(tmp_path, {"cat": [(8, 8)] * 10, "dog": [(8, 8)] * 10})
    pets(tmp_path, {"cat": [(8, 8)] * 3, "dog": [(8, 8)] * 2}, "val")
    data = load(plan(holdout_fraction=0.3, val_per_class=2, train_per_class=6), tmp_path, tmp_path / "cache")
    assert data.test is not None
    assert [split.counts(2) for split in data.splits] == [(6, 6), (2, 2), (3, 2)]
    assert [split.split for split in data.splits] == ["train", "train", "val"]
    assert not {*data.train.index.tolist()} & {*data.val.index.tolist()}
    without = load(plan(), tmp_path, tmp_path / "cache")
    assert without.test is None
    assert torch.equal(data.test.images, without.val.images)
    assert data.fingerprint != without.fingerprint


def test_an_image_is_found_by_its_number(tmp_path: Path) -> None:
    """In the set's own order over all of its classes; its file is known, and its pixels are the job's."""
    root = pets(tmp_path, {"cat": [(9, 7)] * 4, "dog": [(8, 6)] * 4, "eel": [(7, 9)] * 4})
    datasets = Datasets(tmp_path, tmp_path / "cache")
    data = datasets.load(plan("eel", "dog", image_size=5, val_fraction=0.25))
    for split in data.splits:
        indices = split.index.tolist()
        assert all(4 <= index < 12 for index in indices)
        for index, image in zip(indices, datasets.images("pets", "train", indices, ImageForm(3, 5)), strict=True):
            file = data.files("train", index)
            assert file == f"train/{'dog' if index < 8 else 'eel'}/{index % 4}.png"
            assert (root / file).is_file()
            assert torch.equal(image, split.images[indices.index(index)])
    assert data.files("train", 0) is data.files("val", 4) is None
    with pytest.raises(ImageNotFound, match="no image 12 in the split train: it has 12"):
        datasets.images("pets", "train", [12])
    with pytest.raises(ImageNotFound, match="it has 0 images"):
        datasets.images("pets", "val", [0])


def test_names_in_every_script_are_classes_and_files(tmp_path: Path) -> None:
    """Classes are sorted as text; the choice for validation takes any name."""
    names = ["Дом", "κύκλος", "猫", "کتاب", "a b", "ñandú", "Zebra", "🙂", "می\u200cشود", "東\u3000京"]
    pets(tmp_path, {name: [(8, 8)] * 3 for name in names})
    draw(tmp_path / "pets" / "train" / "猫" / "写真.png", 8, 8)
    assert held(tmp_path).classes == tuple(sorted(names))
    data = load(plan(*names, val_fraction=0.4), tmp_path, tmp_path / "cache")
    assert data.val.counts(10) == (1, 1, 2, 1, 1, 1, 1, 1, 1, 1)
    assert "train/猫/写真.png" in {*data.train.names, *data.val.names}


def test_what_is_no_class_is_passed_over_and_counted(tmp_path: Path) -> None:
    """Hidden folders in silence; files, and class folders that one split alone has, with their number."""
    root = pets(tmp_path, {**SIZES, "lonely": [(8, 8)], ".hidden": [(8, 8)]})
    pets(tmp_path, SIZES, "val")
    (root / "train" / "README.md").touch()
    (root / "train" / "cat" / "notes.txt").touch()
    (root / "val" / os.fsdecode(b"caf\xe9")).mkdir()
    one = held(tmp_path)
    assert one.classes == ("cat", "dog")
    assert one.ignored == {"class": 1, ".md": 1, ".txt": 1, "folder": 1}


def test_links_lead_to_classes_and_images(tmp_path: Path) -> None:
    """A class, and a whole set, may lie elsewhere."""
    elsewhere = pets(tmp_path / "elsewhere")
    (tmp_path / "pets").symlink_to(elsewhere)
    (elsewhere / "train" / "twin").symlink_to(elsewhere / "train" / "cat")
    assert held(tmp_path).counts == {"cat": (2, 0), "dog": (1, 0), "twin": (2, 0)}
    data = load(plan("cat", "twin", image_size=8, val_fraction=0.5), tmp_path, tmp_path / "cache")
    assert torch.equal(data.val.images[0], data.val.images[1])


def test_a_set_with_one_image_has_nothing_to_validate_on(tmp_path: Path) -> None:
    """It is refused with what to do, and no division by zero."""
    pets(tmp_path, {"cat": [(8, 8)], "dog": [(8, 8)]})
    with pytest.raises(DatasetUnavailable, match=r"no images to validate on.*Put more images"):
        load(plan(val_fraction=0.5), tmp_path, tmp_path / "cache")


def test_an_empty_class_is_not_ready(tmp_path: Path) -> None:
    """It is named when a job asks for it."""
    root = pets(tmp_path)
    (root / "train" / "eel").mkdir()
    assert not held(tmp_path).ready
    with pytest.raises(DatasetCorrupt, match="train/eel: there are no images in this folder"):
        load(plan("cat", "eel", image_size=8, val_fraction=0.5), tmp_path, tmp_path / "cache")
    assert len(load(plan(image_size=8, val_fraction=0.5), tmp_path, tmp_path / "cache").train) == 2


def test_a_set_beyond_the_limit_is_refused_with_its_size(tmp_path: Path) -> None:
    """Before anything is decoded; smaller images fit."""
    pets(tmp_path, {"cat": [(100, 100)] * 3, "dog": [(100, 100)] * 3})
    datasets = Datasets(tmp_path, tmp_path / "cache", max_bytes=100_000)
    with pytest.raises(DatasetTooLarge, match=r"The 6 images of pets are 180,000 bytes .* the limit is 100,000"):
        datasets.load(plan(val_fraction=0.3))
    assert not list(tmp_path.glob("cache/decoded-*"))
    assert datasets.load(plan(val_fraction=0.3, image_size=50)).input_shape == (3, 50, 50)
    assert datasets.load(plan(val_fraction=0.3, channels=1)).input_shape == (1, 100, 100)


@pytest.mark.parametrize("name", ["cifar2", "MNIST", "FashionMNIST", ".hidden", "-dash", "a" * 64, "white space"])
def test_other_folders_are_no_data_sets(tmp_path: Path, name: str) -> None:
    """Those that are copies of built-in sets, and those whose names no job could say."""
    pets(tmp_path)
    (tmp_path / "pets").rename(tmp_path / name)
    assert [one.name for one in survey(tmp_path)] == ["synthetic"]


def test_a_folder_without_classes_is_passed_over(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """And the log says so."""
    (tmp_path / "papers" / "pdf").mkdir(parents=True)
    with caplog.at_level("INFO"):
        assert [one.name for one in survey(tmp_path)] == ["synthetic"]
    assert [(r.message, vars(r)["path"]) for r in caplog.records] == [
        ("dataset_folder_passed_over", str(tmp_path / "papers"))
    ]


def test_a_set_that_is_not_here_is_unavailable(tmp_path: Path) -> None:
    """The message says where it was looked for, and does not promise a download."""
    with pytest.raises(DatasetUnavailable, match=r"pets \(nothing there\)") as caught:
        load(plan(), tmp_path, tmp_path / "cache")
    assert "DOWNLOAD" not in caught.value.detail


def test_published_moments_are_those_of_built_in_sets(tmp_path: Path) -> None:
    """A set of one's own has none."""
    from tests.unit.training.tiny import tiny_plan
    from worker.training.data.loader import inputs_of

    pets(tmp_path, {"cat": [(8, 8)] * 2, "dog": [(8, 8)] * 2})
    data = load(plan(val_fraction=0.5), tmp_path, tmp_path / "cache")
    published = tiny_plan(dataset=plan(normalize="published"))
    with pytest.raises(InvalidPlan, match="no moments of 3 channels are published for pets"):
        inputs_of(published, data)
    assert inputs_of(tiny_plan(dataset=plan()), data).mean == data.mean


def test_five_thousand_images_of_three_classes(tmp_path: Path) -> None:
    """All of them are read, by several threads, each into its place."""
    train = pets(tmp_path, {name: [(3, 2)] for name in ("cat", "dog", "eel")}) / "train"
    for label, name in enumerate(("cat", "dog", "eel")):
        draw(train / name / "0.png", 3, 2, level=100 + label)
        for number in range(1, 5000):
            os.link(train / name / "0.png", train / name / f"{number}.png")
    data = load(plan("cat", "dog", "eel", val_fraction=0.1), tmp_path, tmp_path / "cache")
    assert (data.train.counts(3), data.val.counts(3)) == ((4500,) * 3, (500,) * 3)
    for split in data.splits:
        assert torch.equal(split.images[:, 0, 0, 2].long(), 100 + split.labels)
        assert [split.names[0], split.names[-1]] == sorted([split.names[0], split.names[-1]])
