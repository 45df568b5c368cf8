"""What a data set is to a job, and the data sets that come with the service."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shared.jobspec.fields.job import Dataset

DEFAULT_DATASET = "cifar10"
"""The data set of a job that names none; like every default it never changes within v1."""
DEFAULT_CLASSES = ("airplane", "bird")
"""The classes of a job on the default data set that names none; they never change within v1 either."""


@dataclass(frozen=True)
class DatasetInfo:
    """One data set.

    Attributes:
        name: what a spec calls it.
        title: a line for people.
        classes: all class names in the order of the data set's own labels.
        input_shape: channels, height, width of an image.
        counts: training and validation images of each class, as they are published.
        short_name: what stands for it, with its usual classes, in place of an object: `"dataset": "cifar2"`.
        published_moments: whether a mean and a deviation of its channels are published for `normalize`.
        usual_classes: the classes of a job that names none.
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
        """Training images of the largest class."""
        return max(train for train, _ in self.counts.values())

    @property
    def val_per_class(self) -> int:
        """Validation images of the largest class."""
        return max(val for _, val in self.counts.values())

    def training_images(self, dataset: Dataset) -> int:
        """Images of an epoch by the published counts, so that equal specs cost the same everywhere.

        A limit above all of them is only accepted where a worker holds more images, and is then taken at its word.
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
"""Those that come with the service, by name: one entry here, and one with its loader in the worker's registry."""
