"""The artifact storage: a folder by default, any fsspec URL otherwise. A file is complete or absent."""

from __future__ import annotations

import datetime as dt
import hashlib
import os
import shutil
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, cast

import fsspec
from fsspec.implementations.local import LocalFileSystem

from shared.errors import ConfigurationError, StorageError, StorageUnavailable
from shared.storage.faults import passes
from shared.storage.root import MARKER, LocalRoot

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

PART_SUFFIX = ".part"
"""Suffix of a file that is still being written."""
PROBE_PREFIX = "probe-"
"""Prefix of a file that `Storage.check` writes."""
_CHUNK_BYTES = 1 << 20
_MAKE_ROOM = "free or add space there, or check its permissions."
_NEEDS_S3FS = "s3:// needs the package s3fs (the extra `s3`)"


@dataclass(frozen=True)
class Stored:
    """A stored file: its path below the storage's root, the SHA-256 of its contents, its size in bytes."""

    path: str
    sha256: str
    bytes: int


class Storage:
    """The artifact storage: files by relative path, such as ``0192…/2/best.safetensors``.

    Args:
        url: a folder, or a URL that fsspec knows.
        in_use: returns whether the database names files of this storage; an empty folder is then taken for the mount
            point of a volume that is not mounted.
    """

    def __init__(self, url: str, in_use: Callable[[], bool] = lambda: False) -> None:
        for protocol in ("s3", "s3a"):
            fsspec.register_implementation(
                protocol, "shared.storage.s3.BoundedS3FileSystem", clobber=True, errtxt=_NEEDS_S3FS
            )
        try:
            self._fs, self._root = fsspec.core.url_to_fs(url)
        except (ImportError, ValueError) as error:
            message = f"FLIGHTLINE_ARTIFACTS_URL cannot be opened: {error}"
            raise ConfigurationError(message) from error
        self._local, self._s3 = isinstance(self._fs, LocalFileSystem), hasattr(self._fs, "call_s3")
        self._local_root = LocalRoot(self._root, in_use) if self._local else None

    @property
    def folder(self) -> Path | None:
        """Return the local folder of the storage; None for a storage that is not local."""
        return Path(self._root) if self._local else None

    def put(self, path: str, *parts: bytes | memoryview) -> Stored:
        """Store a file made of these parts under `path`, replacing an existing one; a failure leaves no partial file.

        Raises:
            StorageUnavailable: the storage is unavailable.
            StorageError: the storage cannot be written to: no space, no permission, no such bucket.
        """
        target = self._full(path)
        temporary = f"{target}.{uuid.uuid4().hex}{PART_SUFFIX}"
        with self._translated(f"{path} could not be written to", _MAKE_ROOM, writing=True):
            try:
                if not self._s3:  # no folders on S3, where s3fs would create a bucket
                    self._fs.makedirs(self._fs._parent(target), exist_ok=True)  # noqa: SLF001 -- fsspec's way to name it
                with ThreadPoolExecutor(1) as beside:  # writing waits for the disk while hashing uses the processor
                    digest = beside.submit(_sha256, parts)
                    self._write(temporary, parts)
                self._fs.mv(temporary, target)
            except Exception:
                self._remove(temporary)
                raise
        return Stored(path, digest.result(), sum(map(len, parts)))

    def copy(self, path: str, to: str) -> None:
        """Store a file once more under another path, so that either may be deleted.

        Files never change once they are stored, so in a local folder both are one file under two names, which takes no
        space. An object store copies it by itself.

        Raises:
            StorageUnavailable: the storage is unavailable.
            StorageError: the file is missing, or the copy cannot be written.
        """
        source, target = self._full(path), self._full(to)
        with self._translated(f"{path} could not be copied in", _MAKE_ROOM, writing=True):
            if not self._s3:
                self._fs.makedirs(self._fs._parent(target), exist_ok=True)  # noqa: SLF001 -- fsspec's way to name it
            if self._local:
                _link(source, target)
            else:
                self._fs.cp_file(source, target)

    def recognise(self) -> None:
        """Check that the storage is here. From now on an empty mount point is not taken for a new storage.

        Raises:
            StorageUnavailable, StorageError: the storage cannot be read now.
        """
        with self._translated("Nothing can be read from"):
            pass  # a local folder is checked on entry

    def check(self) -> None:
        """Write and delete a small file, so that a storage without write access is noticed before a job is trained.

        Raises:
            StorageUnavailable, StorageError: as `put`, with the place and the setting in the message.
        """
        probe = f"{PROBE_PREFIX}{uuid.uuid4().hex}"
        try:
            self.put(probe, b"")
        except StorageUnavailable as error:
            if error.__cause__ is None:  # the message of `LocalRoot` is complete
                raise
            reason = _reason(error.__cause__)
            raise StorageUnavailable(
                f"The artifact storage {self._root} does not answer ({reason}). Start or mount it, or name another "
                "place in FLIGHTLINE_ARTIFACTS_URL."
            ) from error
        except StorageError as error:
            reason = _reason(error.__cause__ or error)
            raise StorageError(
                f"Artifacts cannot be written to {self._root} ({reason}): {_MAKE_ROOM[:-1]}, or name another place in "
                "FLIGHTLINE_ARTIFACTS_URL."
            ) from error
        self.delete([probe])

    def open(self, path: str) -> IO[bytes]:
        """Open a stored file for reading.

        Raises:
            StorageUnavailable: the storage is unavailable.
            StorageError: the file is missing, or may not be read.
        """
        with self._translated(f"{path} cannot be read from"):
            return cast("IO[bytes]", self._fs.open(self._full(path), "rb"))

    def read(self, path: str) -> bytes:
        """Return the contents of a stored file. Raises StorageUnavailable, or StorageError for a missing file."""
        with self._translated(f"{path} cannot be read from"), self.open(path) as file:
            return file.read()

    def delete(self, paths: Iterable[str]) -> None:
        """Delete files where possible; `shared.storage.orphans` deletes the others later."""
        for path in paths:
            self._remove(self._full(path))

    def delete_below(self, prefix: str) -> None:
        """Delete everything below a folder, such as a job's id; a missing folder is not an error.

        Raises:
            StorageUnavailable, StorageError: some files may remain.
        """
        with self._translated(f"{prefix} could not be deleted from"), suppress(FileNotFoundError):
            self._fs.rm(self._full(prefix), recursive=True)

    def page(self, after: str, most: int) -> list[str]:
        """Return the paths of about `most` files that follow the path `after` in the storage's order; "" for the first.

        The marker file of a folder is left out.

        Raises:
            StorageUnavailable, StorageError: the files cannot be listed.
        """
        with self._translated("The files could not be listed in"):
            return self._page(after, most)

    def age_seconds(self, path: str) -> float:
        """Return how long ago a file was written, by this machine's clock; raises as `open` does."""
        with self._translated(f"{path} cannot be read from"):
            modified: dt.datetime = self._fs.modified(self._full(path))
            aware = modified if modified.tzinfo else modified.replace(tzinfo=dt.UTC)
            return (dt.datetime.now(dt.UTC) - aware).total_seconds()

    @contextmanager
    def _translated(self, failed: str, advice: str = "", *, writing: bool = False) -> Iterator[None]:
        """Translate exceptions of libraries into StorageUnavailable or, where an operator must act, StorageError."""
        try:
            if self._local_root is not None:
                self._local_root.require(writing=writing)
            yield
        except (StorageUnavailable, StorageError):
            raise
        except Exception as error:  # remote file systems raise any exception of their libraries
            said = f"{failed} the artifact storage {self._root} ({_reason(error)})"
            if passes(error) or (self._local_root is not None and self._local_root.lost):
                raise StorageUnavailable(f"{said}: it does not answer. Try again in a moment.") from error
            raise StorageError(f"{said}: {advice}" if advice else f"{said}.") from error

    def _page(self, after: str, most: int) -> list[str]:
        if self._local:
            return list(_below(self._root, after, most))
        if self._s3:
            bucket, key, _ = self._fs.split_path(self._root)
            prefix = f"{key.rstrip('/')}/" if key else ""
            listing = {"Bucket": bucket, "Prefix": prefix, "MaxKeys": most}
            answer = self._fs.call_s3("list_objects_v2", **listing, StartAfter=f"{prefix}{after}")
            return [entry["Key"].removeprefix(prefix) for entry in answer.get("Contents", ())]
        root = self._fs._strip_protocol(self._root).rstrip("/")  # noqa: SLF001 -- as `find` returns it
        paths = sorted(path.removeprefix(root).lstrip("/") for path in self._fs.find(root))
        return [path for path in paths if path > after][:most]

    def _write(self, target: str, parts: Iterable[bytes | memoryview]) -> None:
        options = {"block_size": _CHUNK_BYTES} if self._local else {}  # S3 refuses parts of less than 5 MiB
        with self._fs.open(target, "wb", **options) as file:
            for part in parts:
                file.write(part)
            if self._local:
                file.flush()
                os.fsync(file.fileno())  # before the rename: a power cut must not leave an empty file under the name
                _forget(file.fileno())

    def _remove(self, target: str) -> None:
        with suppress(Exception):  # already deleted, or unreachable
            self._fs.rm(target)

    def _full(self, path: str) -> str:
        parts = path.split("/")
        if "\x00" in path or any(part in ("", ".", "..") for part in parts):
            message = f"{path!r} is not a path below the artifact storage."
            raise StorageError(message)
        return f"{self._root.rstrip('/')}/{path}"


def _link(source: str, target: str) -> None:
    """Give a local file a second name, or copy it where the file system has no second names."""
    with suppress(FileNotFoundError):
        os.unlink(target)  # noqa: PTH108 -- strings, as fsspec has them; a repeated copy replaces the one before
    try:
        os.link(source, target)
    except FileNotFoundError:
        raise
    except OSError:
        partial = f"{target}.{uuid.uuid4().hex}{PART_SUFFIX}"
        shutil.copyfile(source, partial)
        os.replace(partial, target)  # noqa: PTH105 -- the same


def _below(root: str, after: str, most: int) -> Iterator[str]:
    """Return files below a local folder that follow `after`: whole entries of the folder in order, until `most`."""
    first, count = after.partition("/")[0], 0
    if not os.path.exists(root):  # noqa: PTH110 -- as below; nothing was stored yet
        return
    names = (name for name in os.listdir(root) if name >= first and name != MARKER)  # noqa: PTH208 -- all it takes
    for name in sorted(names):
        paths = sorted(path for path in _files_at(root, name) if name > first or path > after)
        yield from paths
        count += len(paths)
        if count >= most:
            return


def _files_at(root: str, name: str) -> Iterator[str]:
    top = os.path.join(root, name)  # noqa: PTH118 -- for 100,000 jobs, strings are far faster than paths
    if not os.path.isdir(top):  # noqa: PTH112 -- the same
        yield name
    for folder, _, names in os.walk(top):
        yield from (f"{folder[len(root) :].lstrip('/')}/{found}" for found in names)


def _sha256(parts: Iterable[bytes | memoryview]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.hexdigest()


def _forget(descriptor: int) -> None:
    """Ask the kernel to drop a file, which is rarely read, from its page cache, so that the next file can reuse it.

    On a virtual machine, touching memory that was free for long costs far more than the writing itself.
    """
    if hasattr(os, "posix_fadvise"):  # not on every system
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)


def _reason(error: BaseException) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
