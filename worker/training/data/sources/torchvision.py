"""CIFAR-10 as torchvision stores it: pickled batches in `DATA_DIR/cifar-10-batches-py`, in their file's order."""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from typing_extensions import override

from worker.training.data.records import Split
from worker.training.data.sources.base import Inventory, Source
from worker.training.errors import CopyIncomplete
from worker.training.state.files import shown, signature

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
TRAIN_PER_CLASS, VAL_PER_CLASS = 5000, 1000

# As in torchvision's CIFAR10, which is imported only where something is read: it takes longer to import than torch.
FOLDER = "cifar-10-batches-py"
BATCHES = (*(f"data_batch_{number}" for number in range(1, 6)), "test_batch")


@dataclass(frozen=True)
class TorchvisionCopy(Source):
    """The pickled batches below a data directory. Every file's published md5 is checked before it is read."""

    data_dir: Path
    kind = "torchvision"

    @property
    def folder(self) -> Path:
        """The folder that the batches are in."""
        return self.data_dir / FOLDER

    @property
    @override
    def place(self) -> str:
        return shown(self.folder)

    @override
    def classes(self) -> tuple[str, ...]:
        """CIFAR-10's ten class names; empty where the folder is missing."""
        return CLASSES if self.folder.is_dir() else ()

    @override
    def counts(self) -> dict[str, tuple[int, int]]:
        """CIFAR-10's published counts: files with other counts fail their md5."""
        return dict.fromkeys(self.classes(), (TRAIN_PER_CLASS, VAL_PER_CLASS))

    @override
    def ready(self) -> bool:
        """Whether the files of all batches exist."""
        return all(path.is_file() for path in self._files())

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
        """Sizes, times and inodes of the six batches' files."""
        del classes
        return Inventory(str([f"{path.name} {signature(path)}" for path in self._files()]))

    def intact(self) -> bool:
        """Whether every batch has its published md5; reads all six files."""
        from torchvision.datasets import CIFAR10

        try:
            for name, md5 in [*CIFAR10.train_list, *CIFAR10.test_list]:
                self._content(name, md5)
        except CopyIncomplete:
            return False
        return True

    @override
    def decode(self, classes: tuple[str, ...]) -> tuple[Split, Split]:
        """The images of these classes, in the files' order.

        Raises:
            CopyIncomplete: a batch is damaged or missing.
        """
        from torchvision.datasets import CIFAR10

        train, val = ([self._batch(*file) for file in files] for files in (CIFAR10.train_list, CIFAR10.test_list))
        return _split(train, classes), _split(val, classes)

    def _files(self) -> list[Path]:
        return [self.folder / name for name in BATCHES]

    def _batch(self, name: str, md5: str) -> dict[str, Any]:
        batch: dict[str, Any] = pickle.loads(self._content(name, md5), encoding="latin1")  # noqa: S301 - as published
        return batch

    def _content(self, name: str, md5: str) -> bytes:
        """The file's bytes, whose md5 is the published one. Raises CopyIncomplete for any other file."""
        path = self.folder / name
        remedy = f"Delete {shown(self.folder)} and put a fresh copy there, or set FLIGHTLINE_ALLOW_DOWNLOAD=true."
        if not path.is_file():
            raise CopyIncomplete(path, "this file is missing", remedy)
        content = path.read_bytes()
        if hashlib.md5(content, usedforsecurity=False).hexdigest() != md5:
            raise CopyIncomplete(path, "this file is damaged", remedy)
        return content


def _split(batches: list[dict[str, Any]], classes: tuple[str, ...]) -> Split:
    """The split of these classes, from batches with images as rows (N, 3072), channel by channel."""
    label_of = np.full(len(CLASSES), -1)
    label_of[[CLASSES.index(name) for name in classes]] = np.arange(len(classes))
    labels = label_of[np.concatenate([batch["labels"] for batch in batches])]
    images = np.concatenate([batch["data"] for batch in batches]).reshape(-1, 3, 32, 32)[labels >= 0]
    return Split(torch.from_numpy(images), torch.from_numpy(labels[labels >= 0]))
