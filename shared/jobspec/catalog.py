"""The catalogue: every data set that a job may name, and how many images of each class live workers hold."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from shared.jobspec.datasets import BUILT_IN_DATASETS, DatasetInfo

if TYPE_CHECKING:
    from shared.jobspec.fields.job import Dataset


@dataclass(frozen=True)
class Copy:
    """One copy of a data set that a worker can use; `counts` are training and validation images of each class."""

    name: str
    counts: Mapping[str, tuple[int, int]]

    def holds(self, name: str, classes: Iterable[str]) -> bool:
        """Whether the copy has images of all these classes."""
        return self.name == name and set(classes) <= set(self.counts)

    def training_images(self, dataset: Dataset) -> int:
        """Return the number of training images of a job's classes, within its limit per class."""
        counts = (self.counts[name][0] for name in dataset.classes)
        return sum(min(count, dataset.train_per_class or count) for count in counts)


@dataclass(frozen=True)
class Catalog:
    """The data sets that a job may name, and the copies that live workers hold.

    Attributes:
        datasets: the data sets by name.
        workers: for each live worker its copies, in the order in which it prefers them.
    """

    datasets: Mapping[str, DatasetInfo]
    workers: tuple[tuple[Copy, ...], ...] = ()

    @classmethod
    def of_reports(cls, reports: Iterable[Sequence[Mapping[str, Any]]]) -> Self:
        """Build a catalogue from the built-in data sets and the live workers' reports.

        A reported data set that is not built in is added as the first report describes it; such a report includes the
        images' `input_shape`.
        """
        usable = [[held for held in report if is_usable(held)] for report in reports]
        datasets = dict(BUILT_IN_DATASETS)
        for held in (held for report in usable for held in report if "input_shape" in held):
            datasets.setdefault(held["name"], _info(held))
        return cls(datasets, tuple(tuple(Copy(held["name"], _counts(held)) for held in report) for report in usable))

    @property
    def short_forms(self) -> Mapping[str, Mapping[str, object]]:
        """Return the data sets that short forms such as `"dataset": "cifar2"` stand for, by short form."""
        forms: dict[str, Mapping[str, object]] = {}
        for info in self.datasets.values():  # built-in ones come first
            forms.setdefault(info.short_name, {"name": info.name, "classes": list(info.usual_classes)})
        return forms

    def chosen(self, name: str, classes: Sequence[str]) -> Iterator[Copy]:
        """Return for each worker that holds these classes the copy that it would use."""
        for copies in self.workers:
            yield from [copy for copy in copies if copy.holds(name, classes)][:1]

    def training_images(self, dataset: Dataset) -> Sequence[int]:
        """Return the possible numbers of images of an epoch: one per worker, or the published one without workers."""
        found = {copy.training_images(dataset) for copy in self.chosen(dataset.name, dataset.classes)}
        return sorted(found) or [self.datasets[dataset.name].training_images(dataset)]

    def most_per_class(self, dataset: Dataset) -> tuple[int, int]:
        """Return the training and validation images of the largest class, published or held."""
        info = self.datasets[dataset.name]
        counts = [copy.counts[name] for copy in self.chosen(dataset.name, dataset.classes) for name in dataset.classes]
        train, val = zip(*counts, (info.train_per_class, info.val_per_class), strict=True)
        return max(train), max(val)

    def with_any_counts(self) -> Catalog:
        """Return a catalogue with enough images for every spec, for a spec that was checked before."""
        return _AnyCounts(self.datasets)


class _AnyCounts(Catalog):
    def training_images(self, dataset: Dataset) -> Sequence[int]:
        published = self.datasets[dataset.name].training_images(dataset)
        return published, published + 1

    def most_per_class(self, dataset: Dataset) -> tuple[int, int]:
        del dataset
        return sys.maxsize, sys.maxsize


BUILT_IN = Catalog(BUILT_IN_DATASETS)
"""The catalogue where no live worker has reported anything."""


def is_usable(held: Mapping[str, Any]) -> bool:
    """Whether a report describes a whole copy, complete or to be downloaded, not the part that a job has loaded."""
    return bool(held.get("ready")) or held.get("source") == "download"


def _counts(held: Mapping[str, Any]) -> dict[str, tuple[int, int]]:
    return {name: (train, val) for name, (train, val) in held["counts"].items()}


def _info(held: Mapping[str, Any]) -> DatasetInfo:
    channels, height, width = held["input_shape"]
    name, classes = held["name"], tuple(held["classes"])
    return DatasetInfo(
        name=name,
        title=f"{name}: a data set of this service's workers",
        classes=classes,
        input_shape=(channels, height, width),
        counts=_counts(held),
        short_name=name,
        published_moments=False,
        usual_classes=classes,
    )
