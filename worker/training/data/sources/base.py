"""Where a data set can come from: the interfaces, and the source that draws."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

import torch
from torch import Tensor
from typing_extensions import override

from worker.training.data.decoding import Shape, formed
from worker.training.data.images import ImageForm
from worker.training.data.records import Split, SplitName
from worker.training.data.sources.synthetic import SIZE, VERSION, draw_picture, draw_split
from worker.training.errors import ImageNotFound

TRAIN_PER_CLASS, VAL_PER_CLASS = 5000, 1000
"""Pictures drawn of each class: as many as CIFAR-10 has photographs."""

Splits = tuple[Split, Split]
"""The training split and the validation split; of a set without a validation split, the latter is empty."""

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


@dataclass(frozen=True)
class Extent:
    """How much decoded images are: their number, and the shape of each."""

    images: int
    shape: Shape

    @property
    def bytes(self) -> int:
        """The bytes of all images."""
        return self.images * math.prod(self.shape)


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

    def has_val(self) -> bool:
        """Whether the place holds a validation split."""

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

    def extent(self, classes: tuple[str, ...], form: ImageForm) -> Extent:
        """How much the images of these classes are in this form.

        Raises:
            DatasetCorrupt, CopyIncomplete: as `decode`.
        """

    def decode(self, classes: tuple[str, ...], form: ImageForm) -> Splits:
        """Both splits in this form, labelled in the order of `classes`.

        Raises:
            DatasetCorrupt: a file is damaged; CopyIncomplete where the copy lacks files.
        """

    def numbered(self, splits: Splits, classes: tuple[str, ...]) -> Splits:
        """The decoded splits with `Split.index` as it is now: other classes' files may have changed since."""

    def pick(self, split: SplitName, indices: Sequence[int], form: ImageForm) -> list[Tensor]:
        """Single images (C, H, W) uint8 in this form, by their number in the set's own whole split.

        Raises:
            ImageNotFound: the split has no image of this number.
            DatasetCorrupt: an image's file is damaged.
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
    def has_val(self) -> bool:
        return True

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
    def extent(self, classes: tuple[str, ...], form: ImageForm) -> Extent:
        side = form.side or (SIZE, SIZE)
        return Extent(len(classes) * (TRAIN_PER_CLASS + VAL_PER_CLASS), (form.channels, *side))

    @override
    def decode(self, classes: tuple[str, ...], form: ImageForm) -> Splits:
        """Draw both splits, which takes a few seconds."""
        return self._split(classes, "train", form), self._split(classes, "val", form)

    @override
    def numbered(self, splits: Splits, classes: tuple[str, ...]) -> Splits:
        """The splits as they are: what is drawn has always the same number."""
        del classes
        return splits

    @override
    def pick(self, split: SplitName, indices: Sequence[int], form: ImageForm) -> list[Tensor]:
        """Draw single pictures."""
        return [formed(self._picture(split, index), form)[0] for index in indices]

    def _picture(self, split: SplitName, index: int) -> Tensor:
        kind, number = divmod(index, _PER_CLASS[split])
        if not 0 <= kind < len(self.classes()):
            raise ImageNotFound(split, index, _PER_CLASS[split] * len(self.classes()))
        return draw_picture(self.classes()[kind], split, number)

    def _split(self, classes: tuple[str, ...], split: SplitName, form: ImageForm) -> Split:
        drawn = draw_split(classes, split, _PER_CLASS[split])
        starts = torch.tensor([self.classes().index(name) * _PER_CLASS[split] for name in classes])
        index = starts[drawn.labels] + torch.arange(_PER_CLASS[split]).repeat(len(classes))
        return replace(drawn, images=formed(drawn.images, form), index=index, split=split)


_PER_CLASS: Mapping[SplitName, int] = {"train": TRAIN_PER_CLASS, "val": VAL_PER_CLASS}
