"""Where a data set can come from: the interface, and the source that draws."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from worker.training.datasets.records import Split
from worker.training.datasets.synthetic import VERSION, draw_split

TRAIN_PER_CLASS, VAL_PER_CLASS = 5000, 1000
"""Pictures that are drawn: as many as CIFAR-10 has photographs."""

Splits = tuple[Split, Split]
"""Training and validation."""

Counts = dict[str, tuple[int, int]]
"""Training and validation images of each class."""


class Source(Protocol):
    """One place that holds (some classes of) a data set. Hashable; equal sources read the same files."""

    @property
    def kind(self) -> str:
        """What it is: torchvision, folder, download or drawn."""

    @property
    def place(self) -> str:
        """Where it is, for people."""

    def classes(self) -> tuple[str, ...]:
        """The classes held, in the data set's own order."""

    def counts(self) -> Counts:
        """Images of each class, without decoding."""

    def ready(self) -> bool:
        """Whether everything is there, as far as a look at the folders can tell."""

    def marker(self) -> str:
        """Changes when files come or go. A few system calls: asked before every job."""

    def listing(self, classes: tuple[str, ...]) -> str:
        """Changes when any file's name, size or time does: decides whether a cache on disk still holds."""

    def decode(self, classes: tuple[str, ...]) -> Splits:
        """Both splits, labelled in the order of `classes`. Raises DatasetCorrupt or DatasetUnavailable."""

    def __hash__(self) -> int: ...


@dataclass(frozen=True)
class Drawn:
    """The synthetic data set: nothing to look for, drawn when asked for."""

    kind = "drawn"
    place = "drawn by the worker"

    def classes(self) -> tuple[str, ...]:
        """Both of them."""
        return ("airplane", "bird")

    def counts(self) -> Counts:
        """As many as CIFAR-10 has."""
        return dict.fromkeys(self.classes(), (TRAIN_PER_CLASS, VAL_PER_CLASS))

    def ready(self) -> bool:
        """Always."""
        return True

    def marker(self) -> str:
        """The version of the drawing."""
        return f"v{VERSION}"

    def listing(self, classes: tuple[str, ...]) -> str:
        """The version of the drawing."""
        del classes
        return self.marker()

    def decode(self, classes: tuple[str, ...]) -> Splits:
        """Draw both splits: a few seconds."""
        return draw_split(classes, "train", TRAIN_PER_CLASS), draw_split(classes, "val", VAL_PER_CLASS)
