"""Class folders: `ROOT/train/airplane/*.jpg`, `ROOT/val/airplane/*.jpg` (or `test` for `val`)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from worker.training.datasets.records import Split
from worker.training.errors import DatasetCorrupt

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png"})


@dataclass(frozen=True)
class ClassFolders:
    """A tree of image files, one folder per split and class.

    Ordered class by class in the order asked for, files sorted by name. Files without an image's suffix and hidden ones
    are passed over.
    """

    root: Path
    known_classes: tuple[str, ...]
    image_shape: tuple[int, int, int]
    kind = "folder"

    @property
    def place(self) -> str:
        """The root folder."""
        return str(self.root)

    def classes(self) -> tuple[str, ...]:
        """Those known classes that have a folder in both splits."""
        splits = self._split_folders()
        return tuple(name for name in self.known_classes if all((split / name).is_dir() for split in splits))

    def counts(self) -> dict[str, tuple[int, int]]:
        """Image files in each folder."""
        train, val = self._split_folders()
        return {name: (len(_images(train / name)), len(_images(val / name))) for name in self.classes()}

    def ready(self) -> bool:
        """Whether there are classes, none of them empty."""
        counts = self.counts()
        return bool(counts) and all(min(count) > 0 for count in counts.values())

    def marker(self) -> str:
        """The folders' own times, which change when a file is added, removed or renamed."""
        return str([folder.stat().st_mtime_ns for _, folder in self._folders(self.classes())])

    def listing(self, classes: tuple[str, ...]) -> str:
        """A digest of every file's name, size and time."""
        digest = hashlib.sha256()
        for _, folder in self._folders(classes):
            for path in _images(folder):
                status = path.lstat()
                digest.update(f"{path.relative_to(self.root)} {status.st_size} {status.st_mtime_ns}\n".encode())
        return digest.hexdigest()

    def decode(self, classes: tuple[str, ...]) -> tuple[Split, Split]:
        """Read and decode every file. Raises DatasetCorrupt with the path of the first bad one."""
        train, val = self._split_folders()
        return self._split(train, classes), self._split(val, classes)

    def _split_folders(self) -> tuple[Path, Path]:
        val = self.root / "val"
        return self.root / "train", val if val.is_dir() else self.root / "test"

    def _folders(self, classes: tuple[str, ...]) -> Iterator[tuple[str, Path]]:
        for split in self._split_folders():
            for name in classes:
                yield name, split / name

    def _split(self, folder: Path, classes: tuple[str, ...]) -> Split:
        images, labels = [], []
        for label, name in enumerate(classes):
            paths = _images(folder / name)
            if not paths:
                raise DatasetCorrupt(folder / name, "there are no images in this folder", "Copy the data set again.")
            images += [_read(path, self.image_shape) for path in paths]
            labels += [label] * len(paths)
        return Split(torch.stack(images), torch.tensor(labels))


def _images(folder: Path) -> list[Path]:
    paths = (path for path in folder.iterdir() if not path.name.startswith("."))
    return sorted(path for path in paths if path.suffix.lower() in IMAGE_SUFFIXES)


def _read(path: Path, shape: tuple[int, int, int]) -> Tensor:
    # Only where something is decoded: importing torchvision takes longer than importing torch.
    from torchvision.datasets.folder import pil_loader

    try:
        image = torch.from_numpy(np.array(pil_loader(str(path)))).permute(2, 0, 1)
    except Exception as error:  # Pillow's decoders raise whatever a damaged file leads them into
        problem = "this image cannot be read" if path.exists() else "this file is missing"
        raise DatasetCorrupt(path, f"{problem} ({error})", "Copy it again from the data set, or delete it.") from error
    if tuple(image.shape) != shape:
        found, wanted = (f"{width} × {height}" for _, height, width in (image.shape, shape))
        raise DatasetCorrupt(path, f"this image is {found} pixels, not {wanted}", "Replace it, or delete it.")
    return image
