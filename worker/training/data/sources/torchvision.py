"""torchvision's copies of its small data sets, file by file as it stores them."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from typing_extensions import override

from worker.training.data.decoding import formed
from worker.training.data.images import ImageForm
from worker.training.data.records import Split, SplitName
from worker.training.data.sources.base import Counts, Extent, Inventory, Source, Splits
from worker.training.data.sources.formats import Bytes, Malformed
from worker.training.data.sources.layouts import Layout, Part
from worker.training.errors import CopyIncomplete, ImageNotFound
from worker.training.state.files import shown, signature


@dataclass(frozen=True)
class TorchvisionCopy(Source):
    """The files below a data directory, in one of torchvision's layouts.

    A file's published md5 is checked before it is read, where there is one. Labels are those of the files.
    """

    data_dir: Path
    layout: Layout
    kind = "torchvision"

    @property
    def folder(self) -> Path:
        """The folder that the files are in."""
        return self.data_dir / self.layout.folder

    @property
    @override
    def place(self) -> str:
        return shown(self.folder if self.layout.folder else self.folder / self.layout.files["train"][0])

    @override
    def classes(self) -> tuple[str, ...]:
        """All classes; none where the folder, or the first file in a data directory, is missing."""
        there = self.folder.is_dir() if self.layout.folder else self._found(self.layout.files["train"][0]) is not None
        return self.layout.classes if there else ()

    @override
    def counts(self) -> Counts:
        """The published counts: files with other counts fail their checks."""
        return dict(zip(self.classes(), self.layout.counts, strict=False))

    @override
    def has_val(self) -> bool:
        return True

    @override
    def ready(self) -> bool:
        """Whether all files exist."""
        return all(self._found(name) is not None for name in self._names())

    @override
    def ignored(self) -> Mapping[str, int]:
        """Empty: the files to read are known by their names."""
        return {}

    @override
    def holding(self) -> str:
        return ", ".join(self.classes()) or "nothing there"

    @override
    def source(self) -> TorchvisionCopy:
        return self

    @override
    def inventory(self, classes: tuple[str, ...]) -> Inventory:
        """Sizes, times and inodes of all files."""
        del classes
        paths = [self._found(name) or self.folder / name for name in self._names()]
        return Inventory(str([f"{path.name} {signature(path)}" for path in paths]))

    def intact(self) -> bool:
        """Whether every file is there, is whole and, where one is published, has its md5; reads all of them."""
        try:
            for split in self.layout.files:
                for _ in self._parts(split):
                    pass
        except CopyIncomplete:
            return False
        return True

    @override
    def extent(self, classes: tuple[str, ...], form: ImageForm) -> Extent:
        """By the published counts."""
        counts = dict(zip(self.layout.classes, self.layout.counts, strict=True))
        images = sum(sum(counts[name]) for name in classes)
        return Extent(images, (form.channels, *(form.side or self.layout.shape[1:])))

    @override
    def decode(self, classes: tuple[str, ...], form: ImageForm) -> Splits:
        """The images of these classes, in the files' order.

        Raises:
            CopyIncomplete: a file is damaged or missing.
        """
        return self._split("train", classes, form), self._split("val", classes, form)

    @override
    def numbered(self, splits: Splits, classes: tuple[str, ...]) -> Splits:
        """The splits as they are: the files' order is fixed."""
        del classes
        return splits

    @override
    def pick(self, split: SplitName, indices: Sequence[int], form: ImageForm) -> list[Tensor]:
        """Read single images, from the files up to the last one that is needed."""
        found: dict[int, Tensor] = {}
        seen = 0
        for part in self._parts(split):
            here = [index for index in indices if seen <= index < seen + len(part.labels)]
            found |= {index: formed(_tensor(part.images[index - seen][None]), form)[0] for index in here}
            seen += len(part.labels)
            if all(index in found for index in indices):
                break
        for index in indices:
            if index not in found:
                raise ImageNotFound(split, index, seen)
        return [found[index] for index in indices]

    def _split(self, split: SplitName, classes: tuple[str, ...], form: ImageForm) -> Split:
        label_of = np.full(len(self.layout.classes), -1)
        label_of[[self.layout.classes.index(name) for name in classes]] = np.arange(len(classes))
        images, labels, index, seen = [], [], [], 0
        for part in self._parts(split):
            here = label_of[part.labels]
            (kept,) = np.nonzero(here >= 0)
            images.append(formed(_tensor(part.images[kept]), form))
            labels.append(here[kept])
            index.append(kept + seen)
            seen += len(part.labels)
        return Split(
            torch.cat(images) if len(images) > 1 else images[0],
            torch.from_numpy(np.concatenate(labels)),
            torch.from_numpy(np.concatenate(index)),
            split,
        )

    def _parts(self, split: SplitName) -> Iterator[Part]:
        names = self.layout.files[split]
        read = _Reading(self._content)
        try:
            for part in self.layout.parts(read, names):
                _require_agreement(part, len(self.layout.classes))
                yield part
        except (Malformed, KeyError) as error:
            problem = f"this file is damaged: {error}" if isinstance(error, Malformed) else "this file is damaged"
            raise CopyIncomplete(self.folder / read.name, problem, self._remedy) from error

    def _names(self) -> Iterator[str]:
        for names in self.layout.files.values():
            yield from names

    def _found(self, name: str) -> Path | None:
        """The file of this name, or its compressed one; None where neither exists."""
        return next((path for path in (self.folder / name, self.folder / f"{name}.gz") if path.is_file()), None)

    def _content(self, name: str) -> bytes:
        """The content of a file, whose md5 is the published one. Raises CopyIncomplete for any other file."""
        path = self._found(name)
        if path is None:
            raise CopyIncomplete(self.folder / name, "this file is missing", self._remedy)
        content = path.read_bytes()
        published = self.layout.hashes().get(path.name)
        if published is not None and hashlib.md5(content, usedforsecurity=False).hexdigest() != published:
            raise CopyIncomplete(path, "this file is damaged", self._remedy)
        if path.name == name:
            return content
        try:
            return gzip.decompress(content)
        except (OSError, EOFError) as error:
            raise CopyIncomplete(path, "this file is damaged", self._remedy) from error

    @property
    def _remedy(self) -> str:
        what = shown(self.folder) if self.layout.folder else "these files"
        return f"Delete {what} and put a fresh copy there, or set FLIGHTLINE_ALLOW_DOWNLOAD=true."


class _Reading:
    """Reads files by their names, and remembers the last one, which an error then names."""

    def __init__(self, read: Callable[[str], bytes]) -> None:
        self._read, self.name = read, ""

    def __call__(self, name: str) -> bytes:
        self.name = name
        return self._read(name)


def _require_agreement(part: Part, classes: int) -> None:
    if len(part.images) != len(part.labels):
        raise Malformed(f"it has {len(part.images):,} images and {len(part.labels):,} labels")
    if len(part.labels) and not 0 <= part.labels.min() <= part.labels.max() < classes:
        raise Malformed("it has a label that stands for no class")


def _tensor(images: Bytes) -> Tensor:
    # A copy, in C's order: numpy calls grey images contiguous in other strides too, at which torch would convolve them
    # as channels-last and round otherwise.
    return torch.from_numpy(images.copy())
