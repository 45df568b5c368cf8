"""Files that are downloaded: written whole and with the right checksum, or not at all."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from flightline.errors import ChecksumMismatch, UsageError


def save(chunks: Iterable[bytes], name: str, to: Path, sha256: str | None) -> Path:
    """Write `chunks` to `to`, or into it under the last part of `name` where it is a folder; return the file.

    Raises:
        ChecksumMismatch: the bytes do not have the expected sha256; no file is left behind.
        UsageError: the folder of the file does not exist.
    """
    target = to / PurePosixPath(name).name if to.is_dir() else to
    if not target.parent.is_dir():
        raise UsageError(f"{name} cannot be written to {str(target)!r}: there is no folder {str(target.parent)!r}.")
    draft = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        digest = _write(chunks, draft)
        if sha256 and digest != sha256:
            raise ChecksumMismatch(f"{name} arrived with sha256 {digest}, not {sha256}; download it again.")
        draft.replace(target)
    finally:
        draft.unlink(missing_ok=True)
    return target


def _write(chunks: Iterable[bytes], path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("wb") as file:
        for chunk in chunks:
            digest.update(chunk)
            file.write(chunk)
    return digest.hexdigest()
