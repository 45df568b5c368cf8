"""A data set at a glance: counts, moments, and small pictures."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from PIL import Image

from worker.training.data.datasets import Datasets
from worker.training.data.preview import LARGEST_SIDE, preview
from worker.training.errors import DatasetCorrupt, DatasetUnavailable
from worker.training.plan import DatasetPlan

COLOURS = {"cat": (255, 0, 0), "dog": (0, 0, 255)}


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """A data directory."""
    return tmp_path / "data"


@pytest.fixture
def datasets(data_dir: Path, tmp_path: Path) -> Datasets:
    """The data sets in it."""
    return Datasets(data_dir, tmp_path / "cache")


def pictures(folder: Path, count: int, mode: str = "RGB", size: tuple[int, int] = (8, 8), grow: int = 0) -> None:
    """So many pictures of each class, each larger than the one before."""
    for name, colour in COLOURS.items():
        (folder / name).mkdir(parents=True)
        for number in range(count):
            sides = (size[0] + grow * number, size[1] + grow * number)
            Image.new("RGB", sides, colour).convert(mode).save(folder / name / f"{number}.png")


def test_images_of_one_size(datasets: Datasets, data_dir: Path) -> None:
    """The figures are those that a job has, of the training images as they are."""
    pictures(data_dir / "pets" / "train", 3)
    pictures(data_dir / "pets" / "val", 1)
    found = preview(datasets, "pets", side=2, count=2)
    data = datasets.load(DatasetPlan("pets", ("cat", "dog")))
    assert (found.mean, found.std) == (data.mean, data.std) == ((0.5, 0.0, 0.5), (0.5, 0.0, 0.5))
    assert (found.input_shape, found.image_size, found.has_val) == ((3, 8, 8), None, True)
    assert found.counts == {"cat": (3, 1), "dog": (3, 1)}
    assert [(one.label, one.side) for one in found.pictures] == [("cat", 2)] * 2 + [("dog", 2)] * 2
    assert base64.b64decode(found.pictures[0].pixels) == bytes([255, 0, 0]) * 4


def test_images_of_several_sizes_without_a_validation_split(datasets: Datasets, data_dir: Path) -> None:
    """They are brought to one size, which is said; all of them count, for jobs divide them later."""
    pictures(data_dir / "pets" / "train", 4, grow=3)
    found = preview(datasets, "pets", side=4, count=0)
    assert (found.input_shape, found.image_size, found.has_val) == (None, 64, False)
    assert found.counts == {"cat": (4, 0), "dog": (4, 0)}
    assert torch.allclose(torch.tensor(found.mean), torch.tensor([0.5, 0.0, 0.5]))
    assert found.pictures == ()


def test_grey_and_large_images(datasets: Datasets, data_dir: Path) -> None:
    """One channel has one mean, and its pictures are grey; photographs of one size are made smaller all the same."""
    pictures(data_dir / "pets" / "train", 2, "L", (LARGEST_SIDE + 1, 40))
    pictures(data_dir / "pets" / "val", 1, "L", (LARGEST_SIDE + 1, 40))
    found = preview(datasets, "pets", side=2, count=1)
    assert (found.input_shape, found.image_size, len(found.mean)) == ((1, 40, LARGEST_SIDE + 1), 64, 1)
    red, green, blue = base64.b64decode(found.pictures[0].pixels)[:3]
    assert red == green == blue


def test_what_cannot_be_shown(datasets: Datasets, data_dir: Path) -> None:
    """A set that is not there, and one with a file that is no image, in the words that a job would fail with."""
    with pytest.raises(DatasetUnavailable, match="is not on this machine"):
        preview(datasets, "pets", side=2, count=1)
    pictures(data_dir / "pets" / "train", 3)
    (data_dir / "pets" / "train" / "cat" / "0.png").write_bytes(b"no image")
    with pytest.raises(DatasetCorrupt, match=r"0\.png: this image cannot be read"):
        preview(datasets, "pets", side=2, count=1)


def test_the_program_prints_it(data_dir: Path, tmp_path: Path) -> None:
    """As one line of JSON, or why there is nothing to print."""
    folders = ["--data-dir", str(data_dir), "--cache-dir", str(tmp_path / "cache")]
    pictures(data_dir / "pets" / "train", 2)
    found = [
        json.loads(
            subprocess.run(
                [sys.executable, "-m", "worker.training.data.preview", name, *folders],
                capture_output=True,
                text=True,
                check=True,
            ).stdout
        )
        for name in ("pets", "cars")
    ]
    assert found[0]["preview"]["classes"] == ["cat", "dog"]
    assert "cars" in found[1]["refused"]
