"""Where a data set can come from: the interfaces, and the source that draws."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from worker.training.data.records import Split
from worker.training.data.sources.synthetic import VERSION, draw_split

TRAIN_PER_CLASS, VAL_PER_CLASS = 5000, 1000
"""Pictures that are drawn: as many as CIFAR-10 has photographs."""

Splits = tuple[Split, Split]
"""Training and validation."""

Counts = dict[str, tuple[int, int]]
"""Training and validation images of each class."""


@dataclass(frozen=True)
class Inventory:
    """The files that some classes of a source consist of, without their content.

    Attributes:
        listing: changes when any file comes, goes, or is written to: decides whether decoded images still hold.
        ignored: how many entries beside the images and hidden files there are, by suffix.
    """

    listing: str
    ignored: Mapping[str, int] = field(default_factory=dict)


class Place(Protocol):
    """One place where (some classes of) a data set can be had."""

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

    def ignored(self) -> Mapping[str, int]:
        """How many files beside the images are passed over, by suffix."""

    def holding(self) -> str:
        """What is there and what is missing, in words."""

    def source(self) -> Source:
        """Files to read: the place itself, or what is there once they are downloaded. Raises DatasetUnavailable."""


class Source(Place, Protocol):
    """A place with files to read. Hashable; equal sources read the same files."""

    def inventory(self, classes: tuple[str, ...]) -> Inventory:
        """The files of these classes. Asked for before most jobs: one system call a file."""

    def decode(self, classes: tuple[str, ...]) -> Splits:
        """Both splits, labelled in the order of `classes`.

        Raises DatasetCorrupt; of a copy that lacks files, CopyIncomplete.
        """

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

    def ignored(self) -> Mapping[str, int]:
        """Nothing."""
        return {}

    def holding(self) -> str:
        """Both classes."""
        return ", ".join(self.classes())

    def source(self) -> Drawn:
        """Itself."""
        return self

    def inventory(self, classes: tuple[str, ...]) -> Inventory:
        """The version of the drawing."""
        del classes
        return Inventory(f"v{VERSION}")

    def decode(self, classes: tuple[str, ...]) -> Splits:
        """Draw both splits: a few seconds."""
        return draw_split(classes, "train", TRAIN_PER_CLASS), draw_split(classes, "val", VAL_PER_CLASS)
