"""Data sets downloaded as torchvision does, by one process of all that share a data directory."""

from __future__ import annotations

import fcntl
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path

from typing_extensions import override

from worker.training.data.sources.base import Counts, Place
from worker.training.data.sources.layouts import Archive, Layout
from worker.training.data.sources.torchvision import TorchvisionCopy
from worker.training.errors import DatasetUnavailable
from worker.training.state.files import shown

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Download(Place):
    """A data set's home page, where downloading is allowed. The downloaded files are read as a torchvision copy."""

    data_dir: Path
    layout: Layout
    kind = "download"

    @property
    @override
    def place(self) -> str:
        return self.layout.url

    @property
    def lock(self) -> Path:
        """The file that one process locks while it downloads this data set: `.cifar10.lock` in the data directory."""
        return self.data_dir / f".{self.layout.title.replace('-', '').lower()}.lock"

    @override
    def classes(self) -> tuple[str, ...]:
        return self.layout.classes

    @override
    def counts(self) -> Counts:
        """The published counts."""
        return dict(zip(self.layout.classes, self.layout.counts, strict=True))

    @override
    def has_val(self) -> bool:
        return True

    @override
    def ready(self) -> bool:
        """Always false: a download that is complete is a `TorchvisionCopy`."""
        return False

    @override
    def ignored(self) -> Mapping[str, int]:
        return {}

    @override
    def holding(self) -> str:
        return ", ".join(self.layout.classes)

    @override
    def source(self) -> TorchvisionCopy:
        """Download what is missing or damaged, unless another process has just done so.

        While another process downloads, wait for it; where it fails or dies, continue with the files that it left.

        Raises:
            DatasetUnavailable: the download failed.
        """
        copy = TorchvisionCopy(self.data_dir, self.layout)
        try:
            self.data_dir.mkdir(parents=True, exist_ok=True)
            with _alone(self.lock):
                if not copy.intact():
                    for archive in self.layout.archives():
                        self._fetch(archive)
        except OSError as error:
            raise self._unavailable(error, self.layout.url) from error
        return copy

    def _fetch(self, archive: Archive) -> None:
        """Download an archive from the first address that gives it, and unpack it. Raises DatasetUnavailable."""
        *others, last = archive.urls
        for url in others:
            try:
                return self._fetch_from(url, archive)
            except (OSError, RuntimeError, HTTPException) as error:
                log.warning("dataset_mirror_failed", extra={"url": url, "reason": _reason(error)})
        try:
            return self._fetch_from(last, archive)
        except (OSError, RuntimeError, HTTPException) as error:
            raise self._unavailable(error, last) from error

    def _fetch_from(self, url: str, archive: Archive) -> None:
        from torchvision.datasets.utils import download_and_extract_archive, download_url

        log.info("dataset_download", extra={"url": url, "path": shown(self.data_dir)})
        if archive.folder is None:
            download_url(url, str(self.data_dir), archive.filename, archive.md5)
        else:
            folder = str(self.data_dir / archive.folder)
            download_and_extract_archive(url, folder, None, archive.filename, archive.md5)

    def _unavailable(self, error: Exception, url: str) -> DatasetUnavailable:
        return DatasetUnavailable(
            f"{self.layout.title} could not be downloaded from {url} to {shown(self.data_dir)}: {_reason(error)}. Put "
            "a copy there, or let the worker reach that address and write there; then retry."
        )


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
