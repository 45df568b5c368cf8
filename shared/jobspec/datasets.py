"""The description of a data set, and the data sets that are built in."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from shared.jobspec.fields.job import Dataset

DEFAULT_DATASET = "cifar10"
"""The data set of a job that names none. Like every default, it never changes within v1."""
DEFAULT_CLASSES = ("airplane", "bird")
"""The classes of a job on the default data set that names no classes. They never change within v1."""
DEFAULT_CHANNELS = 3
"""The channels of images where neither the job nor the data set says otherwise."""

Counts: TypeAlias = Mapping[str, tuple[int, int]]
"""Numbers of training and validation images of each class."""
Moments: TypeAlias = tuple[tuple[float, ...], tuple[float, ...]]
"""Mean and standard deviation of each channel, on a scale from 0 to 1."""
ImageShape: TypeAlias = tuple[int, int, int]
"""Channels, height and width of an image."""


@dataclass(frozen=True)
class DatasetInfo:
    """The description of one data set.

    Attributes:
        name: name of the data set in a spec.
        title: one line of description.
        classes: all class names in the order of the data set's own labels.
        input_shape: channels, height, width of an image; None where images differ in size, so that a job must choose.
        counts: published numbers of training and validation images of each class.
        short_name: short form of the data set with its usual classes, as in `"dataset": "cifar2"`.
        usual_classes: classes of a job that names none.
        published_moments: the usual mean and deviation of each channel, for `"normalize": "published"`; None without.
        has_val: whether the data set has a validation split of its own.
    """

    name: str
    title: str
    classes: tuple[str, ...]
    input_shape: ImageShape | None
    counts: Counts
    short_name: str
    usual_classes: tuple[str, ...]
    published_moments: Moments | None = None
    has_val: bool = True

    @classmethod
    def of_report(cls, held: Mapping[str, Any]) -> DatasetInfo:
        """Return the description that a worker's report, or a row of the table `datasets`, gives of its data set."""
        shape, name, classes = held["input_shape"], held["name"], tuple(held["classes"])
        return cls(
            name=name,
            title=f"{name}: a data set of this service's workers",
            classes=classes,
            input_shape=None if shape is None else (shape[0], shape[1], shape[2]),
            counts=counts_of(held),
            short_name=name,
            usual_classes=classes,
            has_val=bool(held.get("has_val", True)),
        )

    @property
    def channels(self) -> int:
        """Return the channels of the images, where a job does not choose them."""
        return DEFAULT_CHANNELS if self.input_shape is None else self.input_shape[0]

    def publishes_moments_of(self, channels: object) -> bool:
        """Whether the published means and deviations are of images of so many channels."""
        return self.published_moments is not None and len(self.published_moments[0]) == channels

    @property
    def train_per_class(self) -> int:
        """Return the number of training images of the largest class."""
        return max(train for train, _ in self.counts.values())

    @property
    def val_per_class(self) -> int:
        """Return the number of validation images of the largest class."""
        return max(val for _, val in self.counts.values())

    def shape_for(self, dataset: Dataset) -> ImageShape | None:
        """Return the shape of the images that a job's network is given; None where the job must choose a size."""
        if dataset.image_size is not None:
            return dataset.channels, dataset.image_size, dataset.image_size
        return None if self.input_shape is None else (dataset.channels, *self.input_shape[1:])


def counts_of(held: Mapping[str, Any]) -> dict[str, tuple[int, int]]:
    """Return the image counts of a worker's report, which went through JSON."""
    return {name: (train, val) for name, (train, val) in held["counts"].items()}


def set_aside(count: int, fraction: float | None) -> int:
    """Return how many of a class's `count` images a fraction sets aside: one or more, where one is left to train on."""
    return max(0, min(max(1, round(count * fraction)), count - 1)) if fraction else 0


def divided(counts: Counts, dataset: Dataset) -> list[tuple[int, int]]:
    """Return the images that a job trains and validates on, of each of its classes, without its limits per class."""
    return [_divided(counts[name], (dataset.val_fraction, dataset.holdout_fraction)) for name in dataset.classes]


def _divided(count: tuple[int, int], fractions: Iterable[float | None]) -> tuple[int, int]:
    train, val = count
    for fraction in filter(None, fractions):
        val = set_aside(train, fraction)
        train -= val
    return train, val


def image_bytes(shape: Sequence[int], images: int) -> int:
    """Return the bytes of so many decoded images, one byte a value."""
    return math.prod(shape) * images


def _digits(train: Sequence[int], val: Sequence[int]) -> Counts:
    return {str(digit): pair for digit, pair in enumerate(zip(train, val, strict=True))}


def _words(text: str) -> list[str]:
    return text.split()


def _built_in(
    name: str,
    title: str,
    shape: ImageShape,
    counts: Counts,
    moments: Moments,
    *,
    usual_classes: tuple[str, ...] | None = None,
    short_name: str | None = None,
) -> DatasetInfo:
    classes = tuple(counts)
    return DatasetInfo(name, title, classes, shape, counts, short_name or name, usual_classes or classes, moments)


_CIFAR10_CLASSES = _words("airplane automobile bird cat deer dog frog horse ship truck")
_CIFAR10_MOMENTS = ((0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616))
_CIFAR100_CLASSES = _words(
    "apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus butterfly camel can castle "
    "caterpillar cattle chair chimpanzee clock cloud cockroach couch crab crocodile cup dinosaur dolphin elephant "
    "flatfish forest fox girl hamster house kangaroo keyboard lamp lawn_mower leopard lion lizard lobster man "
    "maple_tree motorcycle mountain mouse mushroom oak_tree orange orchid otter palm_tree pear pickup_truck pine_tree "
    "plain plate poppy porcupine possum rabbit raccoon ray road rocket rose sea seal shark shrew skunk skyscraper "
    "snail snake spider squirrel streetcar sunflower sweet_pepper table tank telephone television tiger tractor train "
    "trout tulip turtle wardrobe whale willow_tree wolf woman worm"
)
_FASHION_CLASSES = (*_words("T-shirt/top Trouser Pullover Dress Coat Sandal Shirt Sneaker Bag"), "Ankle boot")
_STL10_CLASSES = _words("airplane bird car cat deer dog horse monkey ship truck")

_ALL = (
    _built_in(
        "cifar10",
        "CIFAR-10: 32 x 32 colour photographs of ten kinds of things",
        (3, 32, 32),
        dict.fromkeys(_CIFAR10_CLASSES, (5000, 1000)),
        _CIFAR10_MOMENTS,
        usual_classes=DEFAULT_CLASSES,
        short_name="cifar2",
    ),
    _built_in(
        "synthetic",
        "Drawn airplanes and birds in CIFAR-10's shape; needs no download",
        (3, 32, 32),
        dict.fromkeys(DEFAULT_CLASSES, (5000, 1000)),
        _CIFAR10_MOMENTS,
        usual_classes=DEFAULT_CLASSES,
    ),
    _built_in(
        "mnist",
        "MNIST: 28 x 28 grey handwritten digits",
        (1, 28, 28),
        _digits(
            (5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949),
            (980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009),
        ),
        ((0.1307,), (0.3081,)),
    ),
    _built_in(
        "fashion_mnist",
        "Fashion-MNIST: 28 x 28 grey pictures of ten kinds of clothes",
        (1, 28, 28),
        dict.fromkeys(_FASHION_CLASSES, (6000, 1000)),
        ((0.2860,), (0.3530,)),
    ),
    _built_in(
        "cifar100",
        "CIFAR-100: 32 x 32 colour photographs of a hundred kinds of things",
        (3, 32, 32),
        dict.fromkeys(_CIFAR100_CLASSES, (500, 100)),
        ((0.5071, 0.4865, 0.4409), (0.2673, 0.2564, 0.2762)),
    ),
    _built_in(
        "svhn",
        "SVHN: 32 x 32 colour photographs of house numbers' digits",
        (3, 32, 32),
        _digits(
            (4948, 13861, 10585, 8497, 7458, 6882, 5727, 5595, 5045, 4659),
            (1744, 5099, 4149, 2882, 2523, 2384, 1977, 2019, 1660, 1595),
        ),
        ((0.4377, 0.4438, 0.4728), (0.1980, 0.2010, 0.1970)),
    ),
    _built_in(
        "stl10",
        "STL-10: 96 x 96 colour photographs of ten kinds of things",
        (3, 96, 96),
        dict.fromkeys(_STL10_CLASSES, (500, 800)),
        ((0.4467, 0.4398, 0.4066), (0.2603, 0.2566, 0.2713)),
    ),
)

BUILT_IN_DATASETS: Mapping[str, DatasetInfo] = MappingProxyType({info.name: info for info in _ALL})
"""The built-in data sets by name. Each also has an entry, with its loader, in the worker's registry."""
