"""A data set at a glance: counts, moments, and a few small pictures of each class.

``python -m worker.training.data.preview NAME --data-dir FOLDER --cache-dir FOLDER`` prints it as one object of JSON.
"""

from __future__ import annotations

import argparse
import base64
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from worker.training.data.datasets import Datasets, candidates
from worker.training.data.images import ImageForm, in_form
from worker.training.data.records import LoadedDataset, channel_moments
from worker.training.errors import TrainingError
from worker.training.plan import DatasetPlan

USUAL_SIDE = 64
"""The side, in pixels, that images of several sizes are brought to."""
LARGEST_SIDE = 256
"""The side above which images of one size are made smaller all the same: moments need no more."""
PARTED = 0.2
"""The part of a set without a validation split that is loaded as one; its images count for all figures here."""


@dataclass(frozen=True)
class Picture:
    """A small image: `side` × `side` pixels, as Base64 of rows of red, green and blue bytes."""

    label: str
    side: int
    pixels: str


@dataclass(frozen=True)
class Preview:
    """A data set at a glance.

    Attributes:
        name: the name that jobs use.
        source: where the images come from, as in `HeldDataset`.
        place: the path or address of the data set.
        classes: the classes in order.
        counts: training and validation images of each class.
        has_val: whether the data set has a validation split of its own.
        input_shape: channels, height and width of an image; None where images have several sizes.
        image_size: the side that images were resized to for the figures; None where they are as they lie there.
        mean: mean of each channel over the training images, on a scale from 0 to 1.
        std: standard deviation of each channel over the training images.
        ignored: entries that are no images, by suffix or kind.
        pictures: the first training images of each class.
    """

    name: str
    source: str
    place: str
    classes: tuple[str, ...]
    counts: dict[str, tuple[int, int]]
    has_val: bool
    input_shape: tuple[int, int, int] | None
    image_size: int | None
    mean: tuple[float, ...]
    std: tuple[float, ...]
    ignored: Mapping[str, int]
    pictures: tuple[Picture, ...]


def preview(datasets: Datasets, name: str, side: int, count: int) -> Preview:
    """A data set at a glance, with `count` pictures of each class, `side` pixels wide and high.

    Raises:
        DatasetUnavailable, DatasetCorrupt, DatasetTooLarge, InvalidPlan: as `Datasets.load`.
    """
    place = next(iter(candidates(DatasetPlan(name, ()), datasets.data_dir)))
    held = next((one for one in datasets.survey() if one.name == name and one.place == place.place), None)
    classes, has_val = place.classes(), place.has_val()
    shape = None if held is None else held.input_shape
    size = USUAL_SIDE if shape is None or max(shape[1:]) > LARGEST_SIDE else None
    plan = DatasetPlan(
        name,
        classes,
        image_size=size,
        channels=1 if shape is not None and shape[0] == 1 else 3,
        val_fraction=None if has_val else PARTED,
    )
    data = datasets.load(plan)
    counts = held.counts if held is not None else place.counts()
    mean, std = (data.mean, data.std) if has_val else channel_moments(torch.cat([data.train.images, data.val.images]))
    pictures = tuple(_pictures(data, side, count))
    return Preview(
        name, data.source, data.place, classes, counts, has_val, shape, size, mean, std, data.ignored, pictures
    )


def _pictures(data: LoadedDataset, side: int, count: int) -> list[Picture]:
    first, form = data.train.first_of_each(count), ImageForm(3, side)
    found = []
    for image, label in zip(first.images, first.labels.tolist(), strict=True):
        pixels = in_form(image.numpy(), form).transpose(1, 2, 0).tobytes()
        found.append(Picture(data.classes[label], side, base64.b64encode(pixels).decode()))
    return found


def main() -> None:
    """Print the preview of the data set on the command line, or why there is none."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name")
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--cache-dir", type=Path, required=True)
    parser.add_argument("--side", type=int, default=16, help="pixels of a picture's side")
    parser.add_argument("--count", type=int, default=4, help="pictures of each class")
    arguments = parser.parse_args()
    datasets = Datasets(arguments.data_dir, arguments.cache_dir)
    try:
        found = asdict(preview(datasets, arguments.name, arguments.side, arguments.count))
    except TrainingError as error:
        print(json.dumps({"refused": error.detail}))  # noqa: T201 - this is what the program prints
    else:
        print(json.dumps({"preview": found}))  # noqa: T201 - as above


if __name__ == "__main__":
    main()
