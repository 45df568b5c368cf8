"""A folder of images checked file by file: what is there, and all that is wrong at once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from worker.training.data.check import Fault, Unusable, check, require_own_name
from worker.training.data.partition import part_of


def picture(path: Path, size: tuple[int, int] = (8, 6), colour: int = 0, **options: Any) -> Path:
    """An image file of this width and height."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (colour, 100, 200)).save(path, **options)
    return path


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Folders of two classes, ten images of several sizes in each."""
    root = tmp_path / "photos"
    for label, name in enumerate(("cat", "dog")):
        for number in range(10):
            picture(root / name / f"{number}.jpg", (20 + number, 30), 100 * label + number)
    return root


def places(faults: tuple[Fault, ...]) -> list[str]:
    """Where the faults are."""
    return [fault.place for fault in faults]


class TestWhatIsThere:
    def test_class_folders_are_training_images(self, photos: Path) -> None:
        """Classes by name, counts, the smallest and the largest size; nothing is wrong."""
        report = check(photos)
        assert report.classes == ("cat", "dog")
        assert report.counts == {"cat": (10, 0), "dog": (10, 0)}
        assert (report.smallest, report.largest, report.alike, report.has_val) == ((30, 20), (30, 20), False, False)
        assert (report.faults, report.ignored, report.twins) == ((), {}, ())

    @pytest.mark.parametrize("val", ["val", "test"])
    def test_splits_of_its_own(self, photos: Path, val: str) -> None:
        """`train` beside `val` or `test`."""
        for name in ("cat", "dog"):
            picture(photos / val / name / "a.png", colour=7 * len(name[1:]) + ord(name[0]))
        (photos / "train").mkdir()
        for name in ("cat", "dog"):
            (photos / name).rename(photos / "train" / name)
        report = check(photos)
        assert report.counts == {"cat": (10, 1), "dog": (10, 1)}
        assert (report.has_val, report.faults) == (True, ())
        with pytest.raises(Unusable, match="has a validation split of its own"):
            check(photos, 0.2)

    @pytest.mark.parametrize("fraction", [0.01, 0.2, 0.5, 0.99])
    def test_a_part_set_aside(self, photos: Path, fraction: float) -> None:
        """As many of each class as a job's own val_fraction takes, and the same files each time."""
        first, again = check(photos, fraction), check(photos, fraction)
        aside = part_of(10, fraction)
        assert first.counts == {"cat": (10 - aside, aside), "dog": (10 - aside, aside)}
        assert first.files == again.files
        assert (first.has_val, first.faults) == (True, ())

    def test_images_that_are_alike(self, tmp_path: Path) -> None:
        """One size, as it is upright: a camera that was held on its side makes no other size."""
        exif = Image.Exif()
        exif[0x0112] = 6
        for name in ("cat", "dog"):
            picture(tmp_path / name / "1.jpg", (8, 6), ord(name[0]))
        picture(tmp_path / "dog" / "2.jpg", (6, 8), 77, exif=exif)
        report = check(tmp_path)
        assert (report.alike, report.smallest) == (True, (6, 8))

    def test_what_is_no_image_is_counted(self, photos: Path) -> None:
        """In and beside the class folders; hidden files, which systems leave everywhere, are not."""
        (photos / "cat" / "notes.txt").touch()
        (photos / "cat" / "more").mkdir()
        (photos / "list.csv").touch()
        (photos / ".hidden").mkdir()
        (photos / "dog" / ".DS_Store").touch()
        report = check(photos)
        assert report.ignored == {".txt": 1, "folder": 1, ".csv": 1}
        assert report.faults == ()

    def test_equal_images_in_both_splits_or_in_two_classes(self, photos: Path) -> None:
        """They are named together; equal ones within a class and a split are nobody's concern."""
        cat = (photos / "cat" / "0.jpg").read_bytes()
        (photos / "dog" / "same.jpg").write_bytes(cat)
        (photos / "cat" / "same.jpg").write_bytes(cat)
        assert check(photos).twins == (("cat/0.jpg", "cat/same.jpg", "dog/same.jpg"),)
        (photos / "dog" / "same.jpg").unlink()
        assert check(photos).twins == ()

    def test_names_in_every_script(self, tmp_path: Path) -> None:
        """Letters of any alphabet, spaces, and bytes that are no UTF-8."""
        for name in ("кошка", "狗 與 貓"):
            picture(tmp_path / name / "ein Bild é.png", colour=len(name))
        odd = tmp_path / "кошка" / os.fsdecode(b"\xff.png")
        picture(tmp_path / "кошка" / "x.png", colour=99).rename(odd)
        report = check(tmp_path)
        assert report.counts == {"кошка": (2, 0), "狗 與 貓": (1, 0)}
        assert report.faults == ()

    def test_progress_ends_with_all_of_them(self, photos: Path) -> None:
        """Each image is told once."""
        told: list[tuple[int, int]] = []
        check(photos, tell=lambda done, total: told.append((done, total)))
        assert max(told) == (20, 20)
        assert len(told) == 20


class TestWhatIsWrong:
    def test_one_name_in_two_encodings(self, photos: Path) -> None:
        """As macOS and Linux write accents: nobody can tell the classes apart. Names may differ in case alone."""
        for label, name in enumerate(("caf\u00e9", "cafe\u0301", "Cat")):
            picture(photos / name / "a.png", colour=200 + label)
        (fault,) = check(photos).faults
        assert (fault.place, "the same name" in fault.problem) == ("caf\u00e9", True)

    def test_only_sound_images_are_looked_at_for_twins(self, photos: Path) -> None:
        """A pipe has a size of 0, as an empty file has: reading it to compare the two would wait for ever."""
        os.mkfifo(photos / "cat" / "pipe.jpg")
        (photos / "dog" / "empty.jpg").touch()
        report = check(photos)
        assert places(report.faults) == ["cat/pipe.jpg", "dog/empty.jpg"]
        assert report.twins == ()

    def test_every_bad_file_is_named_at_once(self, photos: Path) -> None:
        """With its own reason and what to do, in the order of the files; the good ones are counted all the same."""
        (photos / "cat" / "3.jpg").write_bytes(b"no image")
        (photos / "dog" / "5.jpg").write_bytes(b"")
        whole = (photos / "dog" / "7.jpg").read_bytes()
        (photos / "dog" / "7.jpg").write_bytes(whole[: len(whole) // 2])
        (photos / "dog" / "8.jpg").unlink()
        (photos / "dog" / "8.jpg").symlink_to("nowhere.jpg")
        Image.new("F", (4, 4)).save(photos / "dog" / "9.tiff")
        report = check(photos)
        assert places(report.faults) == ["cat/3.jpg", "dog/5.jpg", "dog/7.jpg", "dog/8.jpg", "dog/9.tiff"]
        problems = [fault.problem for fault in report.faults]
        for problem, words in zip(
            problems, ("kind that", "empty", "cut off", "nowhere", "floating-point"), strict=True
        ):
            assert words in problem
        assert all(fault.remedy.endswith(".") for fault in report.faults)
        assert report.counts == {"cat": (10, 0), "dog": (11, 0)}

    def test_a_folder_without_classes(self, tmp_path: Path) -> None:
        """What it should look like is said; so is what there is instead."""
        picture(tmp_path / "1.jpg")
        report = check(tmp_path)
        assert [(fault.place, fault.problem) for fault in report.faults] == [("", "there are no class folders in it")]
        assert "cat/" in report.faults[0].remedy
        assert report.ignored == {".jpg": 1}

    def test_a_single_class_and_an_empty_one(self, tmp_path: Path) -> None:
        """Two things are wrong, and both are said."""
        (tmp_path / "cat").mkdir()
        (fault, empty) = check(tmp_path).faults
        assert fault.problem == "there is only one class, cat"
        assert (empty.place, empty.problem) == ("cat", "there are no images in this folder")

    def test_classes_a_level_deeper(self, photos: Path) -> None:
        """Folders within the class folders are the likeliest reason for one without images."""
        deeper = photos.parent
        report = check(deeper)
        assert places(report.faults) == ["", "photos"]
        assert "the classes may lie a level deeper" in report.faults[1].problem

    def test_a_class_of_one_split_alone(self, photos: Path) -> None:
        """Whichever split has it."""
        for name in ("cat", "dog"):
            (photos / "train").mkdir(exist_ok=True)
            (photos / name).rename(photos / "train" / name)
        picture(photos / "val" / "dog" / "1.jpg", colour=9)
        picture(photos / "val" / "fox" / "1.jpg", colour=8)
        report = check(photos)
        assert [(fault.place, fault.problem) for fault in report.faults] == [
            ("train/cat", "there is no val/cat beside it"),
            ("val/fox", "there is no train/fox beside it"),
        ]

    def test_a_class_that_cannot_be_divided(self, photos: Path) -> None:
        """One image is to be trained on or validated on."""
        picture(photos / "fox" / "1.jpg", colour=9)
        assert places(check(photos).faults) == []
        assert places(check(photos, 0.2).faults) == ["fox"]

    def test_a_name_that_is_no_line_of_text(self, photos: Path) -> None:
        """A class could not be called so in a job."""
        picture(photos / "two\nlines" / "1.jpg", colour=9)
        report = check(photos)
        assert places(report.faults) == [r"two\nlines"]
        assert report.classes == ("cat", "dog")


def run(*arguments: str) -> list[dict[str, object]]:
    """What the program prints."""
    command = [sys.executable, "-m", "worker.training.data.check", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_the_program_prints_the_report_last(photos: Path) -> None:
    """After how far it is; its paths lead to the files, whatever they are called."""
    odd = photos / "cat" / os.fsdecode(b"\xff.jpg")
    (photos / "cat" / "0.jpg").rename(odd)
    *progress, last = run(str(photos), "--name", "mine", "--val-fraction", "0.3")
    assert progress[-1] == {"done": 20, "total": 20}
    report = last["report"]
    assert isinstance(report, dict)
    assert report["counts"] == {"cat": [7, 3], "dog": [7, 3]}
    assert all((photos / file["path"]).exists() for file in report["files"])


@pytest.mark.parametrize("name", ["cifar10", "mnist", "MNIST", "cifar2", ".hidden", "a b", "x" * 64, ""])
def test_names_that_no_data_set_of_ones_own_has(name: str) -> None:
    """Those of built-in sets and their copies, and those that workers pass over."""
    with pytest.raises(Unusable, match="No data set of one's own can be called"):
        require_own_name(name)


def test_the_program_refuses_what_is_no_folder(tmp_path: Path) -> None:
    """In words, as it does a name."""
    assert "refused" in run(str(tmp_path), "--name", "cifar10")[0]
    assert run(str(tmp_path / "gone")) == [{"refused": f"{tmp_path}/gone cannot be read: No such file or directory."}]
