"""Files that are downloaded: written whole and with the right checksum, or not at all."""

from __future__ import annotations

import hashlib
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
from pathlib import Path, PurePosixPath

from flightline.errors import ChecksumMismatch, UsageError


@dataclass(frozen=True)
class File:
    """A file that the service made of a job.

    Attributes:
        name: the name that the service gives it.
        content: its bytes.
    """

    name: str
    content: bytes = field(repr=False)

    def save(self, to: str | os.PathLike[str] | None = None) -> Path:
        """Write the file and return its path.

        Args:
            to: a folder, or a file in an existing folder; default the current folder. An existing file is replaced.

        Raises:
            UsageError: the folder does not exist.
        """
        with _draft(self.name, Path(to or ".")) as (draft, target):
            draft.write_bytes(self.content)
        return target


class Picture(File):
    """An image as PNG, which notebooks show."""

    def _repr_png_(self) -> bytes:
        return self.content


def name_in(disposition: str) -> str | None:
    """The file name in a `Content-Disposition` header, without folders; None where it has none."""
    message = Message()
    message["Content-Disposition"] = disposition
    name = PurePosixPath(message.get_filename("").replace("\\", "/")).name
    return name or None


async def save(chunks: AsyncIterator[bytes], name: str, to: Path, sha256: str | None) -> Path:
    """Write `chunks` to `to`, or into it under the last part of `name` where it is a folder; return the file.

    Raises:
        ChecksumMismatch: the bytes do not have the expected sha256; no file is left behind.
        UsageError: the folder of the file does not exist.
    """
    with _draft(name, to) as (draft, target):
        digest = await _write(chunks, draft)
        if sha256 and digest != sha256:
            raise ChecksumMismatch(f"{name} arrived with sha256 {digest}, not {sha256}; download it again.")
    return target


@contextmanager
def _draft(name: str, to: Path) -> Iterator[tuple[Path, Path]]:
    """A path to write to and the path that the file gets once the block ends; after an error nothing is left."""
    target = to / PurePosixPath(name).name if to.is_dir() else to
    if not target.parent.is_dir():
        raise UsageError(f"{name} cannot be written to {str(target)!r}: there is no folder {str(target.parent)!r}.")
    draft = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        yield draft, target
        draft.replace(target)
    finally:
        draft.unlink(missing_ok=True)


async def _write(chunks: AsyncIterator[bytes], path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("wb") as file:
        async for chunk in chunks:
            digest.update(chunk)
            file.write(chunk)
    return digest.hexdigest()
