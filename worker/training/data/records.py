"""Facts about a data set before and after loading it, and its fingerprint."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import sqrt
from typing import Literal, NamedTuple, TypeAlias

import torch
from torch import Tensor

SplitName: TypeAlias = Literal["train", "val"]
"""A split of a data set as it lies on disk: its training images, or its own validation images."""

_UNNUMBERED = torch.empty(0, dtype=torch.int64)


@dataclass(frozen=True)
class Split:
    """Images and their labels, with where each image comes from.

    Attributes:
        images: (N, C, H, W) uint8.
        labels: (N) int64.
        index: (N) int64, each image's number, from 0, in the data set's own whole split: all its classes, in the set's
            own order, before limits and before anything is kept out. By default 0 to N - 1.
        split: the data set's own split that the images come from. A part of the training images that is kept out for
            validation still comes from `train`.
        names: the paths of the images' files below the data set's folder; empty where images have no files.
    """

    images: Tensor
    labels: Tensor
    index: Tensor = _UNNUMBERED
    split: SplitName = "train"
    names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if len(self.index) != len(self.labels):
            object.__setattr__(self, "index", torch.arange(len(self.labels)))

    def __len__(self) -> int:
        return len(self.labels)

    def only(self, keep: Tensor) -> Split:
        """The images that the mask (N) of booleans keeps, in their order; this very split where it keeps all."""
        if bool(keep.all()):
            return self
        which = keep.nonzero().flatten()
        names = tuple(self.names[number] for number in which.tolist()) if self.names else ()
        images = self.images.index_select(0, which)  # half the time of indexing
        return Split(images, self.labels[which], self.index[which], self.split, names)

    def first_of_each(self, per_class: int | None) -> Split:
        """The first `per_class` images of each class, in their order; all images for None."""
        if per_class is None:
            return self
        return self.only(rank_in_class(self.labels) < per_class)

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
        counts: for each class, its training and validation images; no validation images where there is no such split.
        ready: whether a job can have the data set at once, without downloading or mending it.
        ignored: how many entries beside the images and hidden files are passed over, by suffix; `folder` and
            `no suffix` are kinds too.
        input_shape: channels, height and width of an image as it lies there; None where images have several sizes.
        decoded_bytes: the bytes of all images at that shape; None where it is unknown.
        has_val: whether the set has a validation split of its own.
    """

    name: str
    source: str
    place: str
    classes: tuple[str, ...]
    counts: dict[str, tuple[int, int]]
    ready: bool
    ignored: Mapping[str, int]
    input_shape: tuple[int, int, int] | None
    decoded_bytes: int | None
    has_val: bool


@dataclass(frozen=True)
class LoadedDataset:
    """Decoded images of the classes asked for, in the order that seeding relies on.

    Attributes:
        name: the name that jobs use.
        source: where the images came from, as in `HeldDataset`.
        classes: names, by label.
        train: the images to train on.
        val: the images that `val_*`, early stopping and the best epoch are judged on.
        mean: mean of each channel over the training images, on a scale from 0 to 1.
        std: population standard deviation of each channel over the training images.
        fingerprint: sha256 over images, labels and classes; equal data give equal ones on every machine.
        place: the path or address of the data set, as in `HeldDataset`.
        ignored: what is passed over in the folders of these classes, as in `HeldDataset`.
        test: the set's own validation split where `val` is a part kept out of the training images; else None.
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
    test: Split | None = None

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Channels, height and width of an image."""
        return tuple(self.train.images.shape[1:])

    @property
    def splits(self) -> tuple[Split, ...]:
        """The training split, the validation split and, where there is one, the test split."""
        return (self.train, self.val) if self.test is None else (self.train, self.val, self.test)

    def files(self, split: SplitName, index: int) -> str | None:
        """The path, below the data set's folder, of the file of a loaded image; None where images have no files.

        Args:
            split: the data set's own split.
            index: the image's number there, as in `Split.index`.
        """
        for part in self.splits:
            if part.split == split and part.names and bool((here := part.index == index).any()):
                return part.names[int(here.int().argmax())]
        return None


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


class Figures(NamedTuple):
    """Figures of a job's splits: mean and deviation of each channel, and the fingerprint, as in `LoadedDataset`."""

    mean: tuple[float, ...]
    std: tuple[float, ...]
    fingerprint: str


def figures_of(classes: tuple[str, ...], train: Split, *others: Split) -> Figures:
    """The figures of the training split and the splits beside it."""
    return Figures(*channel_moments(train.images), fingerprint(classes, train, *others))


def loaded_dataset(
    name: str,
    source: str,
    classes: tuple[str, ...],
    train: Split,
    val: Split,
    test: Split | None = None,
    *,
    figures: Figures | None = None,
) -> LoadedDataset:
    """The record of these splits, with their figures, which are computed where they are not given."""
    mean, std, seal = figures or figures_of(classes, train, val, *([] if test is None else [test]))
    return LoadedDataset(name, source, classes, train, val, mean, std, seal, test=test)


def statistics(data: LoadedDataset) -> Statistics:
    """Class counts, channel means and deviations, and the fingerprint of a loaded data set."""
    train, val = data.train.counts(len(data.classes)), data.val.counts(len(data.classes))
    counts = dict(zip(data.classes, zip(train, val, strict=True), strict=True))
    return Statistics(data.name, data.source, data.classes, counts, data.mean, data.std, data.fingerprint)


def fingerprint(classes: tuple[str, ...], *splits: Split) -> str:
    """A sha256 over the class names, then each split's shape, pixels and labels, as hexadecimal digits."""
    digest = hashlib.sha256(json.dumps(classes).encode())
    for split in splits:
        digest.update(json.dumps(list(split.images.shape)).encode())
        digest.update(split.images.contiguous().numpy().data)
        digest.update(split.labels.numpy().astype("<i8").data)
    return digest.hexdigest()


def rank_in_class(labels: Tensor) -> Tensor:
    """For each of the labels (N), in their order, how many equal ones come before it: (N) int64."""
    order = labels.argsort(stable=True)
    counts = torch.bincount(labels)
    starts = (counts.cumsum(0) - counts)[labels[order]]
    ranks = torch.empty_like(labels)
    ranks[order] = torch.arange(len(labels)) - starts
    return ranks


def channel_moments(images: Tensor) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and population standard deviation of each channel on a scale from 0 to 1, from exact integer sums."""
    levels = torch.arange(256)
    means, deviations = [], []
    for channel in images.unbind(1):
        counts = sum((torch.bincount(part.flatten(), minlength=256) for part in torch.split(channel, 4096)), levels * 0)
        total, first = int(counts.sum()), int((counts * levels).sum())
        second = int((counts * levels * levels).sum())
        means.append(first / total / 255)
        deviations.append(sqrt(total * second - first * first) / total / 255)
    return tuple(means), tuple(deviations)
