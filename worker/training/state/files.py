"""Writes files whole or not at all, and shows their names as text."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


def write_atomically(path: Path, content: bytes | memoryview) -> None:
    """Write a temporary file beside `path`, sync it to the disk, then rename it to `path`.

    A reader sees the old file or the new one, even after a power failure. Creates the folder. Leaves no temporary file
    behind, also after an error.

    Raises:
        OSError: the file could not be written, for example because the disk is full.
    """
    with written_atomically(path) as file:
        file.write(content)


@contextmanager
def written_atomically(path: Path) -> Iterator[BinaryIO]:
    """A temporary file beside `path` to write into, which becomes `path` at the end, as with `write_atomically`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        _sync_folder(path.parent)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def shown(path: Path | str) -> str:
    r"""The path as one line of text that any database and any JSON can hold.

    A byte that is not UTF-8 is written `\xff`; characters that are invisible or would break the line are escaped: `\n`.
    """
    text = os.fsencode(path).decode("utf-8", "backslashreplace")
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)


def signature(path: Path | str) -> str:
    """Text that changes when the file is written to, replaced, or given another time; for a link, when its target does.

    The time of the inode's last change reveals a file that was overwritten and given its old time back; the inode's
    number reveals a link to another file.
    """
    try:
        status = os.stat(path)  # noqa: PTH116 - asked for thousands of files before every job
    except OSError as error:  # the next read of the file raises an error that says more
        return f"unreadable {error.errno}"
    return f"{status.st_size} {status.st_mtime_ns} {status.st_ctime_ns} {status.st_ino}"


def _sync_folder(folder: Path) -> None:
    """Sync the folder's list of names to the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
