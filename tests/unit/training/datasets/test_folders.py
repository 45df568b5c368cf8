"""Class folders: order, and every way in which a file can be bad."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import Tensor

from tests.unit.training.tiny import tiny_data
from worker.training.datasets import load, survey
from worker.training.datasets.folders import ClassFolders
from worker.training.errors import DatasetCorrupt
from worker.training.plan import DatasetPlan

PLAN = DatasetPlan("cifar10", ("airplane", "bird"))
PICTURES = tiny_data(8, 8).train.images


def save(picture: Tensor, path: Path, kind: str = "PNG") -> None:
    """The picture (C, H, W) as a file."""
    pixels = picture.permute(1, 2, 0).squeeze(2).numpy()
    Image.fromarray(pixels).save(path, kind, **({"quality": 95} if kind == "JPEG" else {}))


def fill(
    root: Path, train: int = 4, val: int = 2, val_name: str = "val", classes: tuple[str, ...] = PLAN.classes
) -> None:
    """A tree of PNG files."""
    pictures = iter(PICTURES)
    for split, count in (("train", train), (val_name, val)):
        for name in classes:
            folder = root / split / name
            folder.mkdir(parents=True)
            for number in range(count):
                save(next(pictures), folder / f"{number:04}.png")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A filled `cifar2` folder."""
    fill(tmp_path / "cifar2")
    return tmp_path / "cifar2"


def test_files_are_ordered_class_by_class_and_by_name(root: Path) -> None:
    """In the order of the plan's classes; PNG files come out as they went in."""
    data = load(PLAN, root.parent, root)
    assert torch.equal(data.train.images, PICTURES[:8])
    assert torch.equal(data.val.images, PICTURES[8:12])
    assert data.train.labels.tolist() == [0] * 4 + [1] * 4
    turned = load(DatasetPlan("cifar10", ("bird", "airplane")), root.parent, root)
    assert torch.equal(turned.train.images, PICTURES[[4, 5, 6, 7, 0, 1, 2, 3]])
    assert turned.train.labels.tolist() == [0] * 4 + [1] * 4


def test_a_test_folder_is_the_validation_split(tmp_path: Path) -> None:
    """Copies of CIFAR-10 call it either way."""
    fill(tmp_path / "cifar10", val_name="test")
    assert len(load(PLAN, tmp_path, tmp_path).val) == 4


def test_other_files_are_passed_over(root: Path) -> None:
    """Notes, hidden files and thumbnails are not images."""
    for name in ("README.md", ".0000.png", "Thumbs.db"):
        (root / "train" / "bird" / name).write_bytes(b"no image")
    assert len(load(PLAN, root.parent, root).train) == 8


def test_jpegs_and_grey_images_are_read(root: Path) -> None:
    """Whatever the file's own colours, the image has three channels."""
    save(PICTURES[0], root / "train" / "bird" / "0009.JPG", "JPEG")
    save(PICTURES[0][:1], root / "train" / "bird" / "0010.png")
    grey = load(PLAN, root.parent, root).train.images[-1]
    assert torch.equal(grey, PICTURES[0][:1].expand(3, -1, -1))


def cut_off(path: Path) -> None:
    """Half a file."""
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def cut_off_jpeg(path: Path) -> None:
    """Half a JPEG under the same name."""
    save(PICTURES[0], path, "JPEG")
    cut_off(path)


def empty(path: Path) -> None:
    """No bytes."""
    path.write_bytes(b"")


def text(path: Path) -> None:
    """Something else under an image's name."""
    path.write_text("404: not found")


def larger(path: Path) -> None:
    """An image of another size."""
    save(torch.zeros(3, 32, 40, dtype=torch.uint8), path)


def dangling(path: Path) -> None:
    """A link to nothing."""
    path.unlink()
    path.symlink_to("nowhere.png")


def directory(path: Path) -> None:
    """A folder with an image's name."""
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize(
    "spoil, problem",
    [
        (cut_off, "cannot be read"),
        (cut_off_jpeg, "cannot be read"),
        (empty, "cannot be read"),
        (text, "cannot be read"),
        (larger, "40 × 32 pixels, not 32 × 32"),
        (dangling, "missing"),
        (directory, "cannot be read"),
    ],
)
@pytest.mark.parametrize("split", ["train", "val"])
def test_a_bad_file_is_named(root: Path, split: str, spoil: Callable[[Path], None], problem: str) -> None:
    """A short, empty, wrong, missing or differently sized image is permanent, named, and comes with a remedy."""
    path = root / split / "bird" / "0001.png"
    spoil(path)
    with pytest.raises(DatasetCorrupt, match=problem) as caught:
        load(PLAN, root.parent, root)
    assert caught.value.path == path
    assert str(path) in caught.value.detail
    assert "delete it" in caught.value.detail
    assert not caught.value.retryable


def test_an_empty_class_is_named(root: Path) -> None:
    """A folder without images is not a class without images."""
    for path in (root / "val" / "airplane").iterdir():
        path.unlink()
    with pytest.raises(DatasetCorrupt, match="no images"):
        load(PLAN, root.parent, root)
    assert not survey(root.parent)[0].ready


def test_a_folder_that_may_not_be_read_is_named(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Missing permissions are a message, not a crash."""

    def denied(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "iterdir", denied)
    with pytest.raises(DatasetCorrupt, match="Permission denied"):
        load(PLAN, root.parent, root)
    assert [held.name for held in survey(root.parent)] == ["synthetic"]


def test_the_survey_counts_without_decoding(root: Path) -> None:
    """Bad images are counted like good ones: nobody looked inside."""
    text(root / "train" / "bird" / "0001.png")
    held = survey(root.parent)[0]
    assert (held.name, held.source, held.place, held.ready) == ("cifar10", "folder", str(root), True)
    assert held.classes == ("airplane", "bird")
    assert held.counts == {"airplane": (4, 2), "bird": (4, 2)}


def test_a_class_needs_both_splits(root: Path) -> None:
    """A class with training images alone is not held."""
    (root / "train" / "cat").mkdir()
    assert ClassFolders(root, ("airplane", "bird", "cat"), (3, 32, 32)).classes() == ("airplane", "bird")


def test_a_file_that_changes_is_noticed(root: Path) -> None:
    """The listing changes with a file's size or time, the marker with its coming or going."""
    source = ClassFolders(root, PLAN.classes, (3, 32, 32))
    path = root / "train" / "bird" / "0001.png"
    listings, marker = [source.listing(PLAN.classes)], source.marker()
    os.utime(path, ns=(1, 1))
    listings.append(source.listing(PLAN.classes))
    path.write_bytes(path.read_bytes() + b"x")
    listings.append(source.listing(PLAN.classes))
    assert len(set(listings)) == 3
    assert source.marker() == marker
    os.utime(path.parent, ns=(1, 1))
    assert source.marker() != marker
