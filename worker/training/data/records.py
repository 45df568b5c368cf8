"""Facts about a data set before and after loading it, and its fingerprint."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import sqrt

import torch
from torch import Tensor


@dataclass(frozen=True)
class Split:
    """Images (N, C, H, W) uint8 and their labels (N) int64."""

    images: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def first_of_each(self, per_class: int | None) -> Split:
        """The first `per_class` images of each class, in their order; all images for None."""
        if per_class is None:
            return self
        one_hot = torch.nn.functional.one_hot(self.labels)
        rank = (one_hot.cumsum(0) * one_hot).sum(1)  # 1 for the first of its class, and so on
        keep = rank <= per_class
        return Split(self.images[keep], self.labels[keep])

    def counts(self, classes: int) -> tuple[int, ...]:
        """The number of images of each of the labels 0 to `classes` - 1."""
        return tuple(torch.bincount(self.labels, minlength=classes).tolist())


@dataclass(frozen=True)
class HeldDataset:
    """What this machine holds of a data set, found without decoding.

    Attributes:
        name: the name that jobs use.
        source: "torchvision", "folder", "download" or "drawn".
        place: the path or address of the data set, for people.
        classes: the classes held, in the data set's own order.
        counts: for each class, its training and validation images.
        ready: whether a job can have the data set at once, without downloading or mending it.
        ignored: how many entries beside the images and hidden files are passed over, by suffix; `folder` and
            `no suffix` are kinds too.
    """

    name: str
    source: str
    place: str
    classes: tuple[str, ...]
    counts: dict[str, tuple[int, int]]
    ready: bool
    ignored: Mapping[str, int]


@dataclass(frozen=True)
class LoadedDataset:
    """Decoded images of the classes asked for, in the order that seeding relies on.

    Attributes:
        name: the name that jobs use.
        source: where the images came from, as in `HeldDataset`.
        classes: names, by label.
        train: the training split.
        val: the validation split.
        mean: mean of each channel over the training images, on a scale from 0 to 1.
        std: population standard deviation of each channel over the training images.
        fingerprint: sha256 over images, labels and classes; equal data give equal ones on every machine.
        place: the path or address of the data set, as in `HeldDataset`.
        ignored: what is passed over in the folders of these classes, as in `HeldDataset`.
    """

    name: str
    source: str
    classes: tuple[str, ...]
    train: Split
    val: Split
    mean: tuple[float, ...]
    std: tuple[float, ...]
    fingerprint: str
    place: str = ""
    ignored: Mapping[str, int] = field(default_factory=dict)

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Channels, height and width of an image."""
        return tuple(self.train.images.shape[1:])


@dataclass(frozen=True)
class Statistics:
    """A worker's report of a data set that it has loaded; `counts` are training and validation images."""

    name: str
    source: str
    classes: tuple[str, ...]
    counts: dict[str, tuple[int, int]]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    fingerprint: str


def loaded_dataset(name: str, source: str, classes: tuple[str, ...], train: Split, val: Split) -> LoadedDataset:
    """The record of these splits, with the figures computed from them."""
    mean, std = channel_moments(train.images)
    return LoadedDataset(name, source, classes, train, val, mean, std, fingerprint(classes, train, val))


def statistics(data: LoadedDataset) -> Statistics:
    """Class counts, channel means and deviations, and the fingerprint of a loaded data set."""
    train, val = data.train.counts(len(data.classes)), data.val.counts(len(data.classes))
    counts = dict(zip(data.classes, zip(train, val, strict=True), strict=True))
    return Statistics(data.name, data.source, data.classes, counts, data.mean, data.std, data.fingerprint)


def fingerprint(classes: tuple[str, ...], train: Split, val: Split) -> str:
    """A sha256 over the class names, then each split's shape, pixels and labels, as hexadecimal digits."""
    digest = hashlib.sha256(json.dumps(classes).encode())
    for split in (train, val):
        digest.update(json.dumps(list(split.images.shape)).encode())
        digest.update(split.images.contiguous().numpy().data)
        digest.update(split.labels.numpy().astype("<i8").data)
    return digest.hexdigest()


def channel_moments(images: Tensor) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and population standard deviation of each channel on a scale from 0 to 1, from exact integer sums."""
    levels = torch.arange(256)
    means, deviations = [], []
    for channel in images.unbind(1):
        counts = torch.bincount(channel.flatten(), minlength=256)
        total, first = int(counts.sum()), int((counts * levels).sum())
        second = int((counts * levels * levels).sum())
        means.append(first / total / 255)
        deviations.append(sqrt(total * second - first * first) / total / 255)
    return tuple(means), tuple(deviations)
