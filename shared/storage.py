"""Artifacts: a folder by default, any fsspec URL otherwise. A file is whole or not there."""

from __future__ import annotations

import hashlib
import os
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, cast

import fsspec
from fsspec.implementations.local import LocalFileSystem

from shared.errors import ConfigurationError, StorageError

if TYPE_CHECKING:
    from collections.abc import Iterable

_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True)
class Stored:
    """A file that is kept: its path below the storage's root, the sha256 of its contents, its size."""

    path: str
    sha256: str
    bytes: int


class Storage:
    """Files by relative path, such as ``0192…/2/best.safetensors``."""

    def __init__(self, url: str) -> None:
        try:
            self._fs, self._root = fsspec.core.url_to_fs(url)
        except (ImportError, ValueError) as error:
            message = f"FLIGHTLINE_ARTIFACTS_URL cannot be opened: {error}"
            raise ConfigurationError(message) from error

    def put(self, path: str, *parts: bytes | memoryview) -> Stored:
        """Keep a file of these parts under `path`, replacing what was there.

        Raises:
            StorageError: it could not be written (a full disk, no permission, an unreachable bucket); nothing is left
                under `path`.
        """
        target = self._full(path)
        temporary = f"{target}.{uuid.uuid4().hex}.part"
        try:
            self._fs.makedirs(self._fs._parent(target), exist_ok=True)  # noqa: SLF001 -- fsspec's way to name the folder
            with ThreadPoolExecutor(1) as beside:  # the one waits for the disk, the other for the processor
                digest = beside.submit(_sha256, parts)
                self._write(temporary, parts)
            self._fs.mv(temporary, target)
        except Exception as error:  # remote file systems raise what their libraries raise
            self._remove(temporary)
            reason = f"{path} could not be written to the artifact storage ({_reason(error)})"
            raise StorageError(f"{reason}: free or add space there, or check its permissions.") from error
        return Stored(path, digest.result(), sum(map(len, parts)))

    def check(self) -> None:
        """Write and delete a small file, so that a place that cannot be written to is noticed before a job is trained.

        Raises:
            StorageError: it cannot be written to.
        """
        probe = f"probe-{uuid.uuid4().hex}"
        try:
            self.put(probe, b"")
        except StorageError as error:
            reason = _reason(error.__cause__ or error)
            raise StorageError(
                f"Artifacts cannot be written to {self._root} ({reason}): free or add space there, check its "
                "permissions, or name another place in FLIGHTLINE_ARTIFACTS_URL."
            ) from error
        self.delete([probe])

    def open(self, path: str) -> IO[bytes]:
        """A stored file, opened for reading.

        Raises:
            StorageError: it is not there, or cannot be read.
        """
        try:
            return cast("IO[bytes]", self._fs.open(self._full(path), "rb"))
        except Exception as error:
            message = f"{path} cannot be read from the artifact storage ({_reason(error)})."
            raise StorageError(message) from error

    def read(self, path: str) -> bytes:
        """The contents of a stored file; raises as `open` does."""
        with self.open(path) as file:
            return file.read()

    def delete(self, paths: Iterable[str]) -> None:
        """Delete files; those that are gone already are no error."""
        for path in paths:
            self._remove(self._full(path))

    def delete_below(self, prefix: str) -> None:
        """Delete everything below a folder, such as a job's id; no error when it is not there."""
        try:
            self._fs.rm(self._full(prefix), recursive=True)
        except FileNotFoundError:
            return
        except Exception as error:
            message = f"{prefix} could not be deleted from the artifact storage ({_reason(error)})."
            raise StorageError(message) from error

    def _write(self, target: str, parts: Iterable[bytes | memoryview]) -> None:
        with self._fs.open(target, "wb", block_size=_CHUNK_BYTES) as file:
            for part in parts:
                file.write(part)
            if isinstance(self._fs, LocalFileSystem):
                file.flush()
                os.fsync(file.fileno())  # before the rename: a power cut must not leave an empty file under the name
                _forget(file.fileno())

    def _remove(self, target: str) -> None:
        with suppress(Exception):  # gone already, or out of reach: then it is litter, not an error
            self._fs.rm(target)

    def _full(self, path: str) -> str:
        parts = path.split("/")
        if "\x00" in path or any(part in ("", ".", "..") for part in parts):
            message = f"{path!r} is no path below the artifact storage."
            raise StorageError(message)
        return f"{self._root.rstrip('/')}/{path}"


def _sha256(parts: Iterable[bytes | memoryview]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.hexdigest()


def _forget(descriptor: int) -> None:
    """Have the kernel keep no copy of a file in memory that is hardly ever read: the next file takes its place there.

    Memory that has lain free for long costs a virtual machine far more than the writing itself.
    """
    if hasattr(os, "posix_fadvise"):  # not on every system
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)


def _reason(error: BaseException) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
