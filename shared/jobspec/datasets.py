"""The description of a data set, and the data sets that are built in."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shared.jobspec.fields.job import Dataset

DEFAULT_DATASET = "cifar10"
"""The data set of a job that names none. Like every default, it never changes within v1."""
DEFAULT_CLASSES = ("airplane", "bird")
"""The classes of a job on the default data set that names no classes. They never change within v1."""


@dataclass(frozen=True)
class DatasetInfo:
    """The description of one data set.

    Attributes:
        name: name of the data set in a spec.
        title: one line of description.
        classes: all class names in the order of the data set's own labels.
        input_shape: channels, height, width of an image.
        counts: published numbers of training and validation images of each class.
        short_name: short form of the data set with its usual classes, as in `"dataset": "cifar2"`.
        published_moments: whether channel means and deviations are published, for `"normalize": "published"`.
        usual_classes: classes of a job that names none.
    """

    name: str
    title: str
    classes: tuple[str, ...]
    input_shape: tuple[int, int, int]
    counts: Mapping[str, tuple[int, int]]
    short_name: str
    published_moments: bool
    usual_classes: tuple[str, ...]

    @property
    def train_per_class(self) -> int:
        """Return the number of training images of the largest class."""
        return max(train for train, _ in self.counts.values())

    @property
    def val_per_class(self) -> int:
        """Return the number of validation images of the largest class."""
        return max(val for _, val in self.counts.values())

    def training_images(self, dataset: Dataset) -> int:
        """Return the images of an epoch by the published counts, so that equal specs cost the same everywhere.

        A limit above the published counts is accepted only where a worker holds more images; it is then used as given.
        """
        limit = dataset.train_per_class or self.train_per_class
        if limit > self.train_per_class:
            return limit * len(dataset.classes)
        return sum(min(self.counts[name][0], limit) for name in dataset.classes)


_CIFAR10_CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
_CIFAR10 = DatasetInfo(
    name="cifar10",
    title="CIFAR-10: 32 x 32 colour photographs of ten kinds of things",
    classes=_CIFAR10_CLASSES,
    input_shape=(3, 32, 32),
    counts=dict.fromkeys(_CIFAR10_CLASSES, (5000, 1000)),
    short_name="cifar2",
    published_moments=True,
    usual_classes=DEFAULT_CLASSES,
)
_SYNTHETIC = DatasetInfo(
    name="synthetic",
    title="Drawn airplanes and birds in CIFAR-10's shape; needs no download",
    classes=("airplane", "bird"),
    input_shape=(3, 32, 32),
    counts=dict.fromkeys(("airplane", "bird"), (5000, 1000)),
    short_name="synthetic",
    published_moments=True,
    usual_classes=DEFAULT_CLASSES,
)

BUILT_IN_DATASETS: Mapping[str, DatasetInfo] = MappingProxyType({info.name: info for info in (_CIFAR10, _SYNTHETIC)})
"""The built-in data sets by name. Each also has an entry, with its loader, in the worker's registry."""
