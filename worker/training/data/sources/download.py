"""CIFAR-10 downloaded from its home page, by one process of all that share a data directory."""

from __future__ import annotations

import fcntl
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path

from worker.training.data.sources.torchvision import CLASSES, TRAIN_PER_CLASS, VAL_PER_CLASS, TorchvisionCopy
from worker.training.errors import DatasetUnavailable
from worker.training.state.files import shown

# As in torchvision's CIFAR10, which is imported only where something is downloaded.
URL = "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz"
LOCK = ".cifar10.lock"

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Download:
    """The home page of CIFAR-10, where that is allowed. What comes from there is read like any torchvision copy."""

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

    def ignored(self) -> Mapping[str, int]:
        """Nothing."""
        return {}

    def holding(self) -> str:
        """All ten classes."""
        return ", ".join(CLASSES)

    def source(self) -> TorchvisionCopy:
        """Download what is missing or damaged, unless another process has just done so.

        While another one does, wait: where it ends without success, or dies, go on with what it left behind. Raises
        DatasetUnavailable if the download fails.
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
    """Hold the file's lock, which ends with the process that holds it, however that dies."""
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
