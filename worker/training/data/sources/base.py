"""Where a data set can come from: the interfaces, and the source that draws."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from typing_extensions import override

from worker.training.data.records import Split
from worker.training.data.sources.synthetic import VERSION, draw_split

TRAIN_PER_CLASS, VAL_PER_CLASS = 5000, 1000
"""Pictures drawn of each class: as many as CIFAR-10 has photographs."""

Splits = tuple[Split, Split]
"""The training split and the validation split."""

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
    """A place where a data set, or some of its classes, can be found."""

    @property
    def kind(self) -> str:
        """The kind of place: torchvision, folder, download or drawn."""

    @property
    def place(self) -> str:
        """The path or address of the place, for people."""

    def classes(self) -> tuple[str, ...]:
        """The classes that the place holds, in the data set's own order."""

    def counts(self) -> Counts:
        """Training and validation images of each class, counted without decoding."""

    def ready(self) -> bool:
        """Whether a job can have the images at once, as far as the folders' listings can tell."""

    def ignored(self) -> Mapping[str, int]:
        """How many files beside the images are passed over, by suffix."""

    def holding(self) -> str:
        """What the place holds and what is missing, as text for people."""

    def source(self) -> Source:
        """The source to read files from: the place itself, or the files once they are downloaded.

        Raises:
            DatasetUnavailable: the download failed.
        """


class Source(Place, Protocol):
    """A place with files to read. Hashable; equal sources read the same files."""

    def inventory(self, classes: tuple[str, ...]) -> Inventory:
        """The files of these classes, without their content. One system call per file: called before most jobs."""

    def decode(self, classes: tuple[str, ...]) -> Splits:
        """Both splits, labelled in the order of `classes`.

        Raises:
            DatasetCorrupt: a file is damaged; CopyIncomplete where the copy lacks files.
        """

    def __hash__(self) -> int:
        # Not abstract, or mypy would miss it in frozen dataclasses, which make their own.
        return object.__hash__(self)


@dataclass(frozen=True)
class Drawn(Source):
    """The synthetic data set of airplanes and birds: no files, every picture is drawn."""

    kind = "drawn"
    place = "drawn by the worker"

    @override
    def classes(self) -> tuple[str, ...]:
        return ("airplane", "bird")

    @override
    def counts(self) -> Counts:
        return dict.fromkeys(self.classes(), (TRAIN_PER_CLASS, VAL_PER_CLASS))

    @override
    def ready(self) -> bool:
        """Always true: the pictures are drawn when a job needs them."""
        return True

    @override
    def ignored(self) -> Mapping[str, int]:
        return {}

    @override
    def holding(self) -> str:
        return ", ".join(self.classes())

    @override
    def source(self) -> Drawn:
        return self

    @override
    def inventory(self, classes: tuple[str, ...]) -> Inventory:
        """The drawing's version, which stands for all its pictures."""
        del classes
        return Inventory(f"v{VERSION}")

    @override
    def decode(self, classes: tuple[str, ...]) -> Splits:
        """Draw both splits, which takes a few seconds."""
        return draw_split(classes, "train", TRAIN_PER_CLASS), draw_split(classes, "val", VAL_PER_CLASS)
