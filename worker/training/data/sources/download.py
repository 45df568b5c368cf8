"""CIFAR-10 downloaded from its home page, by one process of all that share a data directory."""

from __future__ import annotations

import fcntl
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path

from typing_extensions import override

from worker.training.data.sources.base import Place
from worker.training.data.sources.torchvision import CLASSES, TRAIN_PER_CLASS, VAL_PER_CLASS, TorchvisionCopy
from worker.training.errors import DatasetUnavailable
from worker.training.state.files import shown

# As in torchvision's CIFAR10, which is imported only where something is downloaded.
URL = "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz"
LOCK = ".cifar10.lock"

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Download(Place):
    """CIFAR-10's home page, where downloading is allowed. The downloaded files are read as a torchvision copy."""

    data_dir: Path
    kind = "download"

    @property
    @override
    def place(self) -> str:
        return URL

    @override
    def classes(self) -> tuple[str, ...]:
        return CLASSES

    @override
    def counts(self) -> dict[str, tuple[int, int]]:
        """CIFAR-10's published counts."""
        return dict.fromkeys(CLASSES, (TRAIN_PER_CLASS, VAL_PER_CLASS))

    @override
    def ready(self) -> bool:
        """Always false: a download that is complete is a `TorchvisionCopy`."""
        return False

    @override
    def ignored(self) -> Mapping[str, int]:
        return {}

    @override
    def holding(self) -> str:
        return ", ".join(CLASSES)

    @override
    def source(self) -> TorchvisionCopy:
        """Download what is missing or damaged, unless another process has just done so.

        While another process downloads, wait for it; where it fails or dies, continue with the files that it left.

        Raises:
            DatasetUnavailable: the download failed.
        """
        from torchvision.datasets import CIFAR10
        from torchvision.datasets.utils import download_and_extract_archive

        copy = TorchvisionCopy(self.data_dir)
        try:
            self.data_dir.mkdir(parents=True, exist_ok=True)
            with _alone(self.data_dir / LOCK):
                if not copy.intact():
                    log.info("dataset_download", extra={"url": URL, "path": shown(self.data_dir)})
                    download_and_extract_archive(URL, str(self.data_dir), None, CIFAR10.filename, CIFAR10.tgz_md5)
        except (OSError, RuntimeError, HTTPException) as error:
            raise DatasetUnavailable(
                f"CIFAR-10 could not be downloaded from {URL} to {shown(self.data_dir)}: {_reason(error)}. Put a copy "
                "there, or let the worker reach that address and write there; then retry."
            ) from error
        return copy


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Hold an exclusive lock on the file at `path`, which the system releases however the process ends."""
    with path.open("ab") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            log.info("dataset_download_awaited", extra={"path": shown(path.parent)})
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _reason(error: Exception) -> str:
    if isinstance(error, RuntimeError | HTTPException):
        return "what came is not the published file, or only a part of it"
    cause = getattr(error, "reason", None)  # of urllib's wrapper
    cause = cause if isinstance(cause, OSError) else error
    return getattr(cause, "strerror", None) or str(cause)
