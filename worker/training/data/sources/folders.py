"""Class folders: `ROOT/train/airplane/*.jpg`, `ROOT/val/airplane/*.jpg` (or `test` for `val`)."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from typing_extensions import override

from worker.training.data.images import IMAGE_SUFFIXES, read_image
from worker.training.data.records import Split
from worker.training.data.sources.base import Inventory, Source
from worker.training.errors import CopyIncomplete, DatasetCorrupt
from worker.training.state.files import shown, signature

_LEFT_BY_SYSTEMS = {"thumbs.db", "desktop.ini"}
"""Files that Windows leaves in folders, hidden there by an attribute instead of a dot in the name."""


@dataclass(frozen=True)
class ClassFolders(Source):
    """A tree of image files, one folder per split and class.

    Ordered class by class in the order asked for, files sorted by name. Folders and files without an image's suffix are
    passed over, and counted; hidden files, which systems leave in every folder, are no part of the data set.
    """

    root: Path
    known_classes: tuple[str, ...]
    image_shape: tuple[int, int, int]
    kind = "folder"

    @property
    @override
    def place(self) -> str:
        return shown(self.root)

    @override
    def classes(self) -> tuple[str, ...]:
        """The known classes that have a folder in both splits."""
        train, val = (self._classes_in(split) for split in self._split_folders())
        return tuple(name for name in train if name in val)

    @override
    def counts(self) -> dict[str, tuple[int, int]]:
        train, val = self._split_folders()
        return {name: (len(_scan(train / name)[0]), len(_scan(val / name)[0])) for name in self.classes()}

    @override
    def ready(self) -> bool:
        """Whether both splits have classes, none of them empty."""
        counts = self.counts()
        return bool(counts) and all(min(count) > 0 for count in counts.values())

    @override
    def ignored(self) -> Mapping[str, int]:
        return sum((_scan(folder)[1] for folder in self._folders(self.classes())), Counter())

    @override
    def holding(self) -> str:
        """The classes with a folder; where a split is missing, which one and how to add it."""
        if not self.root.is_dir():
            return "nothing there"
        folders = self._split_folders()
        train, val = (self._classes_in(folder) for folder in folders)
        if train and val:
            return _held_as_text(dict(zip([folder.name for folder in folders], (train, val), strict=True)))
        if not train and not val:
            return f"no class folders there, such as train/{self.known_classes[0]} and val/{self.known_classes[0]}"
        found, missing = (folder.name for folder in (folders if train else folders[::-1]))
        also = " (or test)" if missing == "val" else ""
        what = f"{found} has {', '.join(train or val)}, but {missing}{also} is missing"
        return f"{what}: put some images of each class into {missing}/{(train or val)[0]} and so on"

    @override
    def source(self) -> ClassFolders:
        return self

    @override
    def inventory(self, classes: tuple[str, ...]) -> Inventory:
        """A digest of every file's name, size, times and inode, and the counts of files that are no images."""
        lines, ignored = [], Counter[str]()
        for folder in self._folders(classes):
            names, others = _scan(folder)
            ignored += others
            lines.append(f"{folder.relative_to(self.root)}\0{len(names)}")
            lines += [f"{name}\0{signature(f'{folder}/{name}')}" for name in names]
        return Inventory(hashlib.sha256(os.fsencode("\0".join(lines))).hexdigest(), ignored)

    @override
    def decode(self, classes: tuple[str, ...]) -> tuple[Split, Split]:
        """Read and decode every image file.

        Raises:
            CopyIncomplete: a class has no images.
            DatasetCorrupt: a file is damaged; names the first one of a split and says how many more there are.
        """
        files = {folder: _some_images(folder) for folder in self._folders(classes)}
        train, val = ([files[split / name] for name in classes] for split in self._split_folders())
        return self._split(train), self._split(val)

    def _split_folders(self) -> tuple[Path, Path]:
        """The folders of both splits; the validation split's is `val`, or `test` where only that has classes."""
        val, test = self.root / "val", self.root / "test"
        return self.root / "train", test if self._classes_in(test) and not self._classes_in(val) else val

    def _classes_in(self, split: Path) -> tuple[str, ...]:
        return tuple(name for name in self.known_classes if (split / name).is_dir())

    def _folders(self, classes: tuple[str, ...]) -> Iterator[Path]:
        for split in self._split_folders():
            for name in classes:
                yield split / name

    def _split(self, classes: Iterable[list[Path]]) -> Split:
        images, labels = [], []
        first: DatasetCorrupt | None = None
        bad: list[Path] = []
        for label, paths in enumerate(classes):
            for path in paths:
                try:
                    images.append(read_image(path, self.image_shape))
                except DatasetCorrupt as error:  # so that all bad files can be mended before the next try
                    first = first or error
                    bad.append(path)
            labels += [label] * len(paths)
        if first is not None:
            raise first.among(bad[1:])
        return Split(torch.stack(images), torch.tensor(labels))


def _held_as_text(splits: Mapping[str, tuple[str, ...]]) -> str:
    train, val = splits.values()
    both = ", ".join(name for name in train if name in val) or "no class in both splits"
    alone = {split: sorted({*names} - ({*train} & {*val})) for split, names in splits.items()}
    return both + "".join(f"; in {split} alone: {', '.join(names)}" for split, names in alone.items() if names)


def _some_images(folder: Path) -> list[Path]:
    names, ignored = _scan(folder)
    if not names:
        suffixes = " ".join(sorted(IMAGE_SUFFIXES))
        beside = f": nothing in it ends in {suffixes}" if ignored else ""
        raise CopyIncomplete(folder, f"there are no images in this folder{beside}", "Copy the data set again.")
    return [folder / name for name in names]


def _scan(folder: Path) -> tuple[list[str], Counter[str]]:
    """The names of a folder's image files, sorted, and the counts of all other entries by suffix."""
    images, ignored = [], Counter[str]()
    with os.scandir(folder) as entries:
        for entry in entries:
            before, dot, after = entry.name.lower().rpartition(".")
            suffix = dot + after if before else ""
            if entry.name.startswith(".") or entry.name.lower() in _LEFT_BY_SYSTEMS:
                continue
            if suffix in IMAGE_SUFFIXES:
                images.append(entry.name)
            else:
                ignored["folder" if entry.is_dir() else shown(suffix) or "no suffix"] += 1
    return sorted(images), ignored
