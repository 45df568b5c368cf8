"""How many images there are of each class: what live workers reported, where a spec's own counts do not do."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from shared.jobspec.datasets import DatasetInfo
from shared.jobspec.fields.job import Dataset


@dataclass(frozen=True)
class Copy:
    """One copy of a data set that a worker can use; `counts` are training and validation images of each class."""

    name: str
    counts: Mapping[str, tuple[int, int]]

    def holds(self, name: str, classes: Iterable[str]) -> bool:
        """Whether a job on these classes can have its images here."""
        return self.name == name and set(classes) <= set(self.counts)

    def training_images(self, dataset: Dataset) -> int:
        """Of all the data set's classes together, as far as its limit goes; classes may differ in size."""
        counts = (self.counts[name][0] for name in dataset.classes)
        return sum(min(count, dataset.train_per_class or count) for count in counts)


@dataclass(frozen=True)
class Holdings:
    """The copies of each live worker, in the order in which it looks for one. Empty where no worker is live."""

    workers: tuple[tuple[Copy, ...], ...] = ()

    def chosen(self, name: str, classes: Sequence[str]) -> Iterator[Copy]:
        """For each worker that holds these classes, the copy that it would take."""
        for copies in self.workers:
            yield from [copy for copy in copies if copy.holds(name, classes)][:1]

    def training_images(self, dataset: Dataset, info: DatasetInfo) -> Sequence[int]:
        """Images of an epoch: every number that a worker would have; where none has any, the published one."""
        found = {copy.training_images(dataset) for copy in self.chosen(dataset.name, dataset.classes)}
        published = len(dataset.classes) * (dataset.train_per_class or info.train_per_class)
        return sorted(found) or [published]

    def most_per_class(self, dataset: Dataset, info: DatasetInfo) -> tuple[int, int]:
        """Training and validation images of the largest class, published or held."""
        counts = [copy.counts[name] for copy in self.chosen(dataset.name, dataset.classes) for name in dataset.classes]
        train, val = zip(*counts, (info.train_per_class, info.val_per_class), strict=True)
        return max(train), max(val)


class _Unknown(Holdings):
    def training_images(self, dataset: Dataset, info: DatasetInfo) -> Sequence[int]:
        [published] = NOTHING_HELD.training_images(dataset, info)
        return published, published + 1

    def most_per_class(self, dataset: Dataset, info: DatasetInfo) -> tuple[int, int]:
        del dataset, info
        return sys.maxsize, sys.maxsize


NOTHING_HELD = Holdings()
"""No live worker has reported a data set."""
ANYTHING_HELD = _Unknown()
"""Whatever a spec may count on: it was judged before, by what was held then."""
