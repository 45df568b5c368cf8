"""Class folders: `ROOT/train/airplane/*.jpg`, `ROOT/val/airplane/*.jpg` (or `test` for `val`)."""

from __future__ import annotations

import hashlib
import os
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import accumulate
from pathlib import Path

import torch
from torch import Tensor
from typing_extensions import override

from worker.training.data.decoding import Shape, read_images
from worker.training.data.images import IMAGE_SUFFIXES, ImageForm, header_of, prepare
from worker.training.data.records import Split, SplitName
from worker.training.data.sources.base import Counts, Extent, Inventory, Source, Splits
from worker.training.errors import CopyIncomplete, DatasetCorrupt, ImageNotFound
from worker.training.state.files import shown, signature

_LEFT_BY_SYSTEMS = {"thumbs.db", "desktop.ini"}
"""Files that Windows leaves in folders, hidden there by an attribute instead of a dot in the name."""


@dataclass(frozen=True)
class ClassFolders(Source):
    """A tree of image files, one folder per split and class.

    Ordered class by class in the order asked for, files sorted by name. Folders and files without an image's suffix are
    passed over, and counted; hidden files, which systems leave in every folder, are no part of the data set.

    Attributes:
        root: the folder of the splits.
        known_classes: the classes that are looked for, in the data set's order; None takes all that are there, by name,
            and then needs no validation split.
        image_shape: the shape that every image must have; None takes images of any one size.
    """

    root: Path
    known_classes: tuple[str, ...] | None = None
    image_shape: Shape | None = None
    kind = "folder"

    @property
    @override
    def place(self) -> str:
        return shown(self.root)

    @override
    def classes(self) -> tuple[str, ...]:
        """The classes that have a folder in both splits, or in the only one."""
        train, val = self._folders_of_splits()
        names = self._classes_in(train)
        if val is None:
            return names if self.known_classes is None else ()
        both = set(self._classes_in(val))
        return tuple(name for name in names if name in both)

    @override
    def counts(self) -> Counts:
        train, val = self._folders_of_splits()
        return {
            name: (len(scan(train / name)[0]), 0 if val is None else len(scan(val / name)[0]))
            for name in self.classes()
        }

    @override
    def has_val(self) -> bool:
        return self._folders_of_splits()[1] is not None

    @override
    def ready(self) -> bool:
        """Whether there are classes, and none of them is empty in a split that there is."""
        counts, split = self.counts(), self.has_val()
        return bool(counts) and all(train and (val or not split) for train, val in counts.values())

    @override
    def ignored(self) -> Mapping[str, int]:
        """The entries beside the images, by suffix, and as `class` the class folders of one split alone."""
        return sum((scan(folder)[1] for folder in self._folders(self.classes())), self._beside_classes())

    @override
    def holding(self) -> str:
        """The classes with a folder; where a split is missing, which one and how to add it."""
        if not self.root.is_dir():
            return "nothing there"
        train_folder, val_folder = self._folders_of_splits()
        train = self._classes_in(train_folder)
        val = () if val_folder is None else self._classes_in(val_folder)
        if train and (val or self.known_classes is None):
            return _held_as_text(train, val, "val" if val_folder is None else val_folder.name)
        if not train and not val:
            example = self.known_classes[0] if self.known_classes else "cat"
            return f"no class folders there, such as train/{example} and val/{example}"
        found, missing = ("train", "val (or test)") if train else (val_folder.name if val_folder else "val", "train")
        what = f"{found} has {', '.join(train or val)}, but {missing} is missing"
        return f"{what}: put some images of each class into {missing.split()[0]}/{(train or val)[0]} and so on"

    @override
    def source(self) -> ClassFolders:
        return self

    @override
    def inventory(self, classes: tuple[str, ...]) -> Inventory:
        """A digest of every file's name, size, times and inode, and the counts of files that are no images."""
        lines, ignored = [], Counter[str]()
        for folder in self._folders(classes):
            names, others = scan(folder)
            ignored += others
            lines.append(f"{folder.relative_to(self.root)}\0{len(names)}")
            lines += [f"{name}\0{signature(f'{folder}/{name}')}" for name in names]
        listing = hashlib.sha256(os.fsencode("\0".join(lines))).hexdigest()
        return Inventory(listing, ignored + self._beside_classes())

    @override
    def extent(self, classes: tuple[str, ...], form: ImageForm) -> Extent:
        """As `decode` would give it; the size of images that are not resized is the first file's."""
        names = {folder: scan(folder)[0] for folder in self._folders(classes)}
        paths = (folder / name for folder, files in names.items() for name in files)
        return Extent(sum(map(len, names.values())), self._shape(paths, form))

    @override
    def decode(self, classes: tuple[str, ...], form: ImageForm) -> Splits:
        """Read and decode every image file.

        Raises:
            CopyIncomplete: a class has no images.
            DatasetCorrupt: a file is damaged; names the first one of a split and says how many more there are.
        """
        files = {folder: _some_images(folder) for folder in self._folders(classes)}
        shape = self._shape([path for paths in files.values() for path in paths], form)
        train, val = self._folders_of_splits()
        read = form.among(shape[1:])
        splits = [
            self._split([files[folder / name] for name in classes] if folder else [], read, shape)
            for folder in (train, val)
        ]
        return splits[0], replace(splits[1], split="val")

    @override
    def numbered(self, splits: Splits, classes: tuple[str, ...]) -> Splits:
        """The splits with each image's number among the files of all classes, as they are listed now."""
        train, val = (self._numbered(split, classes) for split in splits)
        return train, val

    @override
    def pick(self, split: SplitName, indices: Sequence[int], form: ImageForm) -> list[Tensor]:
        """Read single images by their place among the files of all classes."""
        files = self._files_of(split)
        for index in indices:
            if not 0 <= index < len(files):
                raise ImageNotFound(split, index, len(files))
        exact = form.among(None if self.image_shape is None else self.image_shape[1:])
        return [prepare(files[index], exact) for index in indices]

    def files(self) -> Iterator[Path]:
        """All image files of all classes, split by split in the set's own order."""
        for folder in self._folders(self.classes()):
            yield from (folder / name for name in scan(folder)[0])

    def _files_of(self, split: SplitName) -> list[Path]:
        folder = dict(zip(("train", "val"), self._folders_of_splits(), strict=True))[split]
        if folder is None:
            return []
        return [folder / name / file for name in self.classes() for file in scan(folder / name)[0]]

    def _folders_of_splits(self) -> tuple[Path, Path | None]:
        """The folders of both splits; the validation split's is `val`, or `test` where only that has classes.

        None for the validation split where neither has any.
        """
        train, val, test = (self.root / name for name in ("train", "val", "test"))
        return train, next((folder for folder in (val, test) if self._classes_in(folder)), None)

    def _classes_in(self, split: Path) -> tuple[str, ...]:
        if self.known_classes is not None:
            return tuple(name for name in self.known_classes if (split / name).is_dir())
        if not split.is_dir():
            return ()
        with os.scandir(split) as entries:
            return tuple(sorted(entry.name for entry in entries if is_class(entry)))

    def _folders(self, classes: tuple[str, ...]) -> Iterator[Path]:
        for split in self._folders_of_splits():
            if split is not None:
                yield from (split / name for name in classes)

    def _beside_classes(self) -> Counter[str]:
        """What lies beside the class folders of a set whose classes are those that are there, by kind."""
        held, ignored = set(self.classes()), Counter[str]()
        for split in filter(None, self._folders_of_splits() if self.known_classes is None else ()):
            with os.scandir(split) as entries:
                kinds = ["class" if is_class(each) else kind_of(each) for each in entries if each.name not in held]
            ignored.update(filter(None, kinds))
        return ignored

    def _shape(self, paths: Iterable[Path], form: ImageForm) -> Shape:
        """The shape of these images in this form: what the form says, or else what the set or its first image has."""
        if self.image_shape is not None and form.size is None:
            return (form.channels, *self.image_shape[1:])
        return (form.channels, *(form.side or _first_side(paths)))

    def _split(self, classes: Sequence[list[Path]], form: ImageForm, shape: Shape) -> Split:
        paths = [path for paths in classes for path in paths]
        labels = torch.arange(len(classes)).repeat_interleave(torch.tensor([len(paths) for paths in classes]).long())
        names = tuple(str(path.relative_to(self.root)) for path in paths)
        return Split(read_images(paths, form, shape), labels, names=names)

    def _numbered(self, split: Split, classes: tuple[str, ...]) -> Split:
        if not len(split):
            return split
        own, folder = self.classes(), self.root / Path(split.names[0]).parts[0]
        starts = dict(zip(own, accumulate((len(scan(folder / name)[0]) for name in own), initial=0), strict=False))
        first = torch.tensor([starts[name] for name in classes])
        counts = torch.bincount(split.labels, minlength=len(classes))
        position = torch.arange(len(split)) - (counts.cumsum(0) - counts)[split.labels]  # classes lie one after another
        return replace(split, index=first[split.labels] + position)


def _first_side(paths: Iterable[Path]) -> tuple[int, int]:
    """Height and width of the first file that is an image; of none, any, as then all of them are refused."""
    for path in paths:
        with suppress(DatasetCorrupt):
            return header_of(path).side
    return 1, 1


def _held_as_text(train: Sequence[str], val: Sequence[str], val_name: str) -> str:
    if not val:
        return f"{', '.join(train)}; no validation split"
    both = ", ".join(name for name in train if name in val) or "no class in both splits"
    alone = {split: sorted({*names} - ({*train} & {*val})) for split, names in (("train", train), (val_name, val))}
    return both + "".join(f"; in {split} alone: {', '.join(names)}" for split, names in alone.items() if names)


def _some_images(folder: Path) -> list[Path]:
    names, ignored = scan(folder)
    if not names:
        suffixes = " ".join(sorted(IMAGE_SUFFIXES))
        beside = f": nothing in it ends in {suffixes}" if ignored else ""
        raise CopyIncomplete(folder, f"there are no images in this folder{beside}", "Copy the data set again.")
    return [folder / name for name in names]


def scan(folder: Path) -> tuple[list[str], Counter[str]]:
    """The names of a folder's image files, sorted, and the counts of all other entries by suffix."""
    images, ignored = [], Counter[str]()
    with os.scandir(folder) as entries:
        for entry in entries:
            if _suffix(entry.name) in IMAGE_SUFFIXES and not entry.name.startswith("."):
                images.append(entry.name)
            elif kind := kind_of(entry):
                ignored[kind] += 1
    return sorted(images), ignored


def kind_of(entry: os.DirEntry[str]) -> str | None:
    """The kind of an entry that is passed over: its suffix, `folder` or `no suffix`; None for one that is hidden."""
    if entry.name.startswith(".") or entry.name.lower() in _LEFT_BY_SYSTEMS:
        return None
    return "folder" if entry.is_dir() else shown(_suffix(entry.name)) or "no suffix"


def _suffix(name: str) -> str:
    """The suffix in lower case with its dot; empty where there is none."""
    before, dot, after = name.lower().rpartition(".")
    return dot + after if before else ""


def is_class(entry: os.DirEntry[str]) -> bool:
    """Whether an entry of a split's folder is a class: a folder that is not hidden, whose name is text in one line.

    Text of any script, with the joiners and the spaces of its own that some need.
    """
    text = not any(unicodedata.category(one) in {"Cc", "Cs", "Zl", "Zp"} for one in entry.name)
    return entry.is_dir() and not entry.name.startswith(".") and text
