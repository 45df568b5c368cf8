"""CIFAR-10 as torchvision stores it: pickled batches in `DATA_DIR/cifar-10-batches-py`, in their file's order."""

from __future__ import annotations

import fcntl
import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from worker.training.datasets.records import Split
from worker.training.errors import DatasetCorrupt, DatasetUnavailable

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
TRAIN_PER_CLASS, VAL_PER_CLASS = 5000, 1000

# As in torchvision's CIFAR10, which is imported only where something is read: it takes longer to import than torch.
FOLDER = "cifar-10-batches-py"
BATCHES = (*(f"data_batch_{number}" for number in range(1, 6)), "test_batch")
URL = "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz"


@dataclass(frozen=True)
class TorchvisionCopy:
    """The pickled batches below a data directory. Every file's published md5 is checked before it is read."""

    data_dir: Path
    kind = "torchvision"

    @property
    def folder(self) -> Path:
        """Where the batches lie."""
        return self.data_dir / FOLDER

    @property
    def place(self) -> str:
        """The folder."""
        return str(self.folder)

    def classes(self) -> tuple[str, ...]:
        """All ten."""
        return CLASSES if self.folder.is_dir() else ()

    def counts(self) -> dict[str, tuple[int, int]]:
        """The published ones: the files either hold them or fail their md5."""
        return dict.fromkeys(self.classes(), (TRAIN_PER_CLASS, VAL_PER_CLASS))

    def ready(self) -> bool:
        """Whether every batch is there."""
        return all(path.is_file() for path in self._files())

    def marker(self) -> str:
        """Sizes and times of the six batches."""
        return self.listing(CLASSES)

    def listing(self, classes: tuple[str, ...]) -> str:
        """Sizes and times of the six batches."""
        del classes
        return str([_signature(path) for path in self._files()])

    def decode(self, classes: tuple[str, ...]) -> tuple[Split, Split]:
        """The images of these classes, in the file's order. Raises DatasetCorrupt for a damaged or missing batch."""
        from torchvision.datasets import CIFAR10
        from torchvision.datasets.utils import check_integrity

        published = dict([*CIFAR10.train_list, *CIFAR10.test_list])
        for path in self._files():
            md5 = published[path.name]
            if not check_integrity(str(path), md5):
                problem = "this file is damaged" if path.exists() else "this file is missing"
                raise DatasetCorrupt(path, problem, f"Delete {self.folder} and put a fresh copy there.")
        return self._split(classes, train=True), self._split(classes, train=False)

    def _files(self) -> list[Path]:
        return [self.folder / name for name in BATCHES]

    def _split(self, classes: tuple[str, ...], *, train: bool) -> Split:
        from torchvision.datasets import CIFAR10

        whole = CIFAR10(str(self.data_dir), train=train)
        label_of = np.full(len(CLASSES), -1)
        label_of[[CLASSES.index(name) for name in classes]] = np.arange(len(classes))
        labels = label_of[np.asarray(whole.targets)]
        images = np.ascontiguousarray(whole.data[labels >= 0].transpose(0, 3, 1, 2))
        return Split(torch.from_numpy(images), torch.from_numpy(labels[labels >= 0]))


@dataclass(frozen=True)
class Download:
    """CIFAR-10 from its home page, once, where that is allowed; then read like any torchvision copy."""

    data_dir: Path
    kind = "download"

    @property
    def place(self) -> str:
        """Where it comes from."""
        return URL

    def classes(self) -> tuple[str, ...]:
        """All ten."""
        return CLASSES

    def counts(self) -> dict[str, tuple[int, int]]:
        """The published ones."""
        return dict.fromkeys(CLASSES, (TRAIN_PER_CLASS, VAL_PER_CLASS))

    def ready(self) -> bool:
        """Not before it is downloaded; then it is a `TorchvisionCopy`."""
        return False

    def marker(self) -> str:
        """Never changes."""
        return self.place

    def listing(self, classes: tuple[str, ...]) -> str:
        """Never changes."""
        del classes
        return self.place

    def decode(self, classes: tuple[str, ...]) -> tuple[Split, Split]:
        """Download, unless another worker has just done so, and read. Raises DatasetUnavailable if that fails."""
        from torchvision.datasets import CIFAR10

        try:
            self.data_dir.mkdir(parents=True, exist_ok=True)
            with (self.data_dir / ".cifar10.lock").open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                CIFAR10(str(self.data_dir), download=True)
        except (OSError, RuntimeError) as error:
            message = f"CIFAR-10 could not be downloaded from {self.place} to {self.data_dir}: {error}"
            raise DatasetUnavailable(message) from error
        return TorchvisionCopy(self.data_dir).decode(classes)


def _signature(path: Path) -> str:
    if not path.exists():
        return f"{path.name} missing"
    status = path.stat()
    return hashlib.sha256(f"{path.name} {status.st_size} {status.st_mtime_ns}".encode()).hexdigest()
