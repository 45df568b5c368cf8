"""Class folders: order, what is passed over, and every change that must be noticed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import Tensor

from tests.unit.training.tiny import tiny_data
from worker.training.data import Datasets, HeldDataset, load
from worker.training.data.sources.folders import ClassFolders
from worker.training.errors import DatasetCorrupt, DatasetUnavailable
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


def survey(data_dir: Path, allow_download: bool = False) -> tuple[HeldDataset, ...]:
    """What a worker finds there."""
    return Datasets(data_dir, data_dir.with_name("cache"), allow_download).survey()


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


def test_other_files_are_passed_over_and_counted(root: Path) -> None:
    """By suffix, in the survey and for a job alike; hidden files are no part of the data set."""
    for name in ("README.md", ".0000.png", "Thumbs.db", ".DS_Store", "a.gif", "b.GIF", "LICENSE", "0001.png.part"):
        (root / "train" / "bird" / name).write_bytes(b"no image")
    (root / "val" / "airplane" / "more").mkdir()
    data, held = load(PLAN, root.parent, root), survey(root.parent)[0]
    assert len(data.train) == 8
    assert data.ignored == held.ignored == {".gif": 2, ".md": 1, ".part": 1, "folder": 1, "no suffix": 1}
    assert data.place == held.place == str(root)


def test_every_job_hears_of_other_files(root: Path) -> None:
    """Also where the images are decoded already, and of those that have come since."""
    for number in range(3):
        assert load(PLAN, root.parent, root).ignored == ({".gif": number} if number else {})
        (root / "val" / "bird" / f"{number}.gif").write_bytes(b"no image")


def test_hidden_files_are_passed_over_in_silence(root: Path) -> None:
    """What systems leave in every folder is nobody's news."""
    (root / "val" / "bird" / ".DS_Store").write_bytes(b"no image")
    assert load(PLAN, root.parent, root).ignored == survey(root.parent)[0].ignored == {}


def test_all_kinds_of_images_are_in_one_order(root: Path) -> None:
    """PNG, JPEG, PPM, BMP, TIFF and WebP in any case, sorted by their names whatever their kinds."""
    folder = root / "train" / "bird"
    for number, suffix in enumerate(("bmp", "PPM", "pgm", "tif", "TIFF", "webp", "Jpeg", "JPG")):
        picture = torch.full((3, 32, 32), 20 * number, dtype=torch.uint8)
        pixels = Image.fromarray(picture.permute(1, 2, 0).numpy())
        (pixels.convert("L") if suffix == "pgm" else pixels).save(folder / f"1{number}.{suffix}")
    added = load(PLAN, root.parent, root).train.images[8:]
    assert added[:, 0, 0, 0].tolist() == pytest.approx([20 * number for number in range(8)], abs=1)


def test_jpegs_and_grey_images_are_read(root: Path) -> None:
    """Whatever the file's own colours, the image has three channels."""
    save(PICTURES[0], root / "train" / "bird" / "0009.JPG", "JPEG")
    save(PICTURES[0][:1], root / "train" / "bird" / "0010.png")
    grey = load(PLAN, root.parent, root).train.images[-1]
    assert torch.equal(grey, PICTURES[0][:1].expand(3, -1, -1))


@pytest.mark.parametrize("split", ["train", "val"])
def test_a_bad_file_is_named(root: Path, split: str) -> None:
    """A file that is no image is permanent, named, and comes with a remedy, whatever else is there."""
    path = root / split / "bird" / "0001.png"
    path.write_text("404: not found")
    with pytest.raises(DatasetCorrupt, match="cannot be read") as caught:
        load(PLAN, root.parent, root)
    assert caught.value.path == path
    assert "delete it" in caught.value.detail
    assert not caught.value.retryable


@pytest.mark.parametrize(
    "others, words",
    [
        ("", "or delete it."),
        ("2", "or delete it. Another file is bad too: bird/2.png."),
        ("23", "or delete it. 2 other files are bad too: bird/2.png, bird/3.png."),
        ("234567", "6 other files are bad too: bird/2.png, bird/3.png, bird/4.png, bird/5.png, bird/6.png and so on."),
    ],
)
def test_all_bad_files_of_a_split_are_counted(root: Path, others: str, words: str) -> None:
    """Whoever mends them need not submit a job for each."""
    (root / "train" / "airplane" / "0000.png").write_bytes(b"")
    for number in others:
        (root / "train" / "bird" / f"{number}.png").write_bytes(b"")
    with pytest.raises(DatasetCorrupt) as caught:
        load(PLAN, root.parent, root)
    assert caught.value.path == root / "train" / "airplane" / "0000.png"
    assert caught.value.detail.endswith(words)


def test_an_empty_class_is_named(root: Path) -> None:
    """A folder without images is not a class without images; what lies there instead is said."""
    for path in (root / "val" / "airplane").iterdir():
        path.rename(path.with_suffix(".gif"))
    with pytest.raises(DatasetCorrupt, match=r"val/airplane: there are no images .*: nothing in it ends in .*png"):
        load(PLAN, root.parent, root)
    assert not survey(root.parent)[0].ready


def test_a_folder_that_may_not_be_read_is_named(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Missing permissions are a message, not a crash."""

    def denied(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(os, "scandir", denied)
    with pytest.raises(DatasetCorrupt, match=r"Permission denied\). Let the user that runs the worker read it"):
        load(PLAN, root.parent, root)
    assert [held.name for held in survey(root.parent)] == ["synthetic"]


def test_the_survey_counts_without_decoding(root: Path) -> None:
    """Bad images are counted like good ones: nobody looked inside."""
    (root / "train" / "bird" / "0001.png").write_text("404: not found")
    held = survey(root.parent)[0]
    assert (held.name, held.source, held.place, held.ready) == ("cifar10", "folder", str(root), True)
    assert held.classes == ("airplane", "bird")
    assert held.counts == {"airplane": (4, 2), "bird": (4, 2)}


def test_a_class_needs_both_splits(root: Path) -> None:
    """A class with training images alone is not held."""
    (root / "train" / "cat").mkdir()
    assert ClassFolders(root, ("airplane", "bird", "cat"), (3, 32, 32)).classes() == ("airplane", "bird")


@pytest.mark.parametrize(
    "missing, found",
    [
        (["val"], "train has airplane, bird, but val (or test) is missing: put some images of each class into val/air"),
        (["train"], "val has airplane, bird, but train is missing: put some images of each class into train/airplane"),
        (["train", "val"], "no class folders there, such as train/airplane and val/airplane"),
        (["val/bird"], "airplane; in train alone: bird"),
    ],
)
def test_a_missing_split_is_named(root: Path, missing: list[str], found: str) -> None:
    """Not "nothing there": which split is missing, and what to put where."""
    for name in missing:
        shutil.rmtree(root / name)
    with pytest.raises(DatasetUnavailable) as caught:
        load(PLAN, root.parent, root)
    assert f"{root} ({found}" in caught.value.detail


def test_an_empty_val_folder_does_not_hide_test(tmp_path: Path) -> None:
    """The validation split is where the classes are."""
    fill(tmp_path / "cifar10", val_name="test")
    (tmp_path / "cifar10" / "val").mkdir()
    assert len(load(PLAN, tmp_path, tmp_path).val) == 4


def listings(root: Path) -> Callable[[], str]:
    """The listing of the folders below the root, at each call."""
    source = ClassFolders(root, PLAN.classes, (3, 32, 32))
    return lambda: source.inventory(PLAN.classes).listing


def overwritten(path: Path) -> None:
    """Other content of the same size, at the old time: as an editor that keeps times, or `rsync --inplace` does."""
    status = path.stat()
    path.write_bytes(bytes(reversed(path.read_bytes())))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def touched(path: Path) -> None:
    """Another time."""
    os.utime(path, ns=(1, 1))


def longer(path: Path) -> None:
    """One byte more."""
    path.write_bytes(path.read_bytes() + b"x")


def removed(path: Path) -> None:
    """No file."""
    path.unlink()


def renamed(path: Path) -> None:
    """Another name."""
    path.rename(path.with_name("9999.png"))


@pytest.mark.parametrize("change", [overwritten, touched, longer, removed, renamed])
@pytest.mark.parametrize("linked", ["file", "file behind two links", "class folder", "split"])
def test_a_file_that_changes_is_noticed(root: Path, linked: str, change: Callable[[Path], None]) -> None:
    """Through links too, of files and of folders: what counts is the file that is read."""
    path = root / "train" / "bird" / "0001.png"
    elsewhere = root.parent / "elsewhere"
    place = {"class folder": path.parent, "split": root / "train"}.get(linked, path)
    place.rename(elsewhere)
    place.symlink_to(elsewhere)
    if linked == "file behind two links":
        (root.parent / "between").symlink_to(elsewhere)
        place.unlink()
        place.symlink_to(root.parent / "between")
    listing = listings(root)
    before = listing()
    assert listing() == before
    change(path.resolve())
    assert listing() != before


def test_a_link_that_is_turned_elsewhere_is_noticed(root: Path) -> None:
    """To a file that differs in nothing that a folder shows."""
    link = root / "train" / "bird" / "0001.png"
    one, two = root.parent / "one", root.parent / "two"
    link.rename(one)
    two.write_bytes(one.read_bytes())
    os.utime(two, ns=(one.stat().st_atime_ns, one.stat().st_mtime_ns))
    link.symlink_to(one)
    listing = listings(root)
    before = listing()
    link.unlink()
    link.symlink_to(two)
    assert listing() != before


def test_names_that_are_not_utf_8_are_images_too(root: Path) -> None:
    """They are sorted, decoded, cached and counted; what is passed over is shown with its odd bytes written out."""
    folder = root / "train" / "bird"
    for name in (b"caf\xe9.png", b"notes.\xe9"):
        (folder / os.fsdecode(name)).write_bytes((folder / "0000.png").read_bytes())
    data = load(PLAN, root.parent, root)
    assert torch.equal(data.train.images[-1], PICTURES[4])
    assert survey(root.parent)[0].ignored == {r".\xe9": 1}
    assert load(PLAN, root.parent, root).fingerprint == data.fingerprint


def test_a_name_with_a_line_break_is_shown_in_one_line(root: Path) -> None:
    """Control characters are written out: a message is one line of a log."""
    (root / "val" / "bird" / "a\nb\x1b[2J.png").write_bytes(b"")
    with pytest.raises(DatasetCorrupt) as caught:
        load(PLAN, root.parent, root)
    assert r"a\nb\x1b[2J.png: this image" in caught.value.detail
    assert caught.value.detail.isprintable()


def test_a_data_directory_that_is_not_utf_8_is_shown(tmp_path: Path) -> None:
    """Every text about it can be kept by a database and sent as JSON."""
    data_dir = tmp_path / os.fsdecode(b"bilder-\xfc")
    fill(data_dir / "cifar2")
    assert load(PLAN, data_dir, data_dir / "cache").source == "folder"
    held = survey(data_dir)[0]
    assert held.place.endswith(r"bilder-\xfc/cifar2")
    with pytest.raises(DatasetUnavailable) as caught:
        load(DatasetPlan("cifar10", ("cat", "dog")), data_dir, tmp_path)
    assert caught.value.detail.encode()
