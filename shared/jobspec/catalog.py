"""The catalogue: every data set that a job may name, and how many images of each class live workers hold."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from shared.jobspec.datasets import BUILT_IN_DATASETS, Counts, DatasetInfo, counts_of, divided

if TYPE_CHECKING:
    from shared.jobspec.fields.job import Dataset


@dataclass(frozen=True)
class Copy:
    """One copy of a data set that a worker can use; `counts` are training and validation images of each class."""

    name: str
    counts: Counts

    def holds(self, name: str, classes: Iterable[str]) -> bool:
        """Whether the copy has images of all these classes."""
        return self.name == name and set(classes) <= set(self.counts)


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
    def of_reports(
        cls, reported: Iterable[Mapping[str, Any]] = (), live: Iterable[Sequence[Mapping[str, Any]]] = ()
    ) -> Self:
        """Build a catalogue from the built-in data sets and what workers reported.

        Args:
            reported: the last report of each data set that any worker ever had. It describes the data set, unless that
                is a built-in one: all services agree on those.
            live: for each live worker the reports of its copies.
        """
        described = {held["name"]: DatasetInfo.of_report(held) for held in reported}
        workers = (tuple(Copy(held["name"], counts_of(held)) for held in report if is_usable(held)) for report in live)
        return cls({**BUILT_IN_DATASETS, **described, **BUILT_IN_DATASETS}, tuple(workers))

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

    def samples(self, dataset: Dataset) -> int:
        """Return the images of an epoch by the published counts, so that equal specs cost the same everywhere.

        A limit above the published counts is accepted only where a worker holds more images; it is then used as given.
        """
        counts = [train for train, _ in divided(self.datasets[dataset.name].counts, dataset)]
        limit = dataset.train_per_class
        if limit is not None and limit > max(counts):
            return limit * len(counts)
        return _limited(counts, limit)

    def training_images(self, dataset: Dataset) -> Sequence[int]:
        """Return the possible numbers of images of an epoch: one per worker, or the published one without workers."""
        held = [divided(copy.counts, dataset) for copy in self.chosen(dataset.name, dataset.classes)]
        found = {_limited([train for train, _ in counts], dataset.train_per_class) for counts in held}
        return sorted(found) or [self.samples(dataset)]

    def most_per_class(self, dataset: Dataset) -> tuple[int, int]:
        """Return the training and validation images of the largest class, published or held."""
        return max(train for train, _ in self._all_counts(dataset)), max(val for _, val in self._all_counts(dataset))

    def decoded_images(self, dataset: Dataset) -> int:
        """Return the number of images that the largest copy has of a job's classes, as the published counts or held."""
        held = [copy.counts for copy in self.chosen(dataset.name, dataset.classes)]
        copies = [self.datasets[dataset.name].counts, *held]
        return max(sum(sum(counts[name]) for name in dataset.classes) for counts in copies)

    def with_any_counts(self) -> Catalog:
        """Return a catalogue with enough images for every spec, for a spec that was checked before."""
        return _AnyCounts(self.datasets)

    def _all_counts(self, dataset: Dataset) -> list[tuple[int, int]]:
        """Return the images of each class of a job in the published counts and in each copy that it may use."""
        held = [copy.counts for copy in self.chosen(dataset.name, dataset.classes)]
        return [pair for counts in (self.datasets[dataset.name].counts, *held) for pair in divided(counts, dataset)]


class _AnyCounts(Catalog):
    def training_images(self, dataset: Dataset) -> Sequence[int]:
        published = self.samples(dataset)
        return published, published + 1

    def most_per_class(self, dataset: Dataset) -> tuple[int, int]:
        del dataset
        return sys.maxsize, sys.maxsize


def _limited(counts: Iterable[int], limit: int | None) -> int:
    return sum(min(count, limit or count) for count in counts)


BUILT_IN = Catalog(BUILT_IN_DATASETS)
"""The catalogue where no worker has reported anything."""


def is_usable(held: Mapping[str, Any]) -> bool:
    """Whether a report describes a whole copy, complete or to be downloaded, not the part that a job has loaded."""
    return bool(held.get("ready")) or held.get("source") == "download"
