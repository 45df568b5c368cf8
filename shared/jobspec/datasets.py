"""The one registry of data sets: what a job may name, and what its input and classes are."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class DatasetInfo:
    """One data set.

    Attributes:
        name: what a spec calls it.
        title: a line for people.
        classes: all class names in the order of the data set's own labels.
        input_shape: channels, height, width of an image.
        train_per_class: training images of each class.
        val_per_class: validation images of each class.
    """

    name: str
    title: str
    classes: tuple[str, ...]
    input_shape: tuple[int, int, int]
    train_per_class: int
    val_per_class: int


_CIFAR10 = DatasetInfo(
    name="cifar10",
    title="CIFAR-10: 32 x 32 colour photographs of ten kinds of things",
    classes=("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"),
    input_shape=(3, 32, 32),
    train_per_class=5000,
    val_per_class=1000,
)
_SYNTHETIC = DatasetInfo(
    name="synthetic",
    title="Drawn airplanes and birds in CIFAR-10's shape; needs no download",
    classes=("airplane", "bird"),
    input_shape=(3, 32, 32),
    train_per_class=5000,
    val_per_class=1000,
)

DATASETS: Mapping[str, DatasetInfo] = MappingProxyType({info.name: info for info in (_CIFAR10, _SYNTHETIC)})
"""Every data set by name. A new one is one entry here and one loader in the worker."""

SHORT_DATASETS: Mapping[str, Mapping[str, object]] = MappingProxyType(
    {
        "cifar2": {"name": "cifar10", "classes": ["airplane", "bird"]},
        "synthetic": {"name": "synthetic", "classes": ["airplane", "bird"]},
    }
)
"""What `"dataset": "cifar2"` and its like stand for."""
