"""Files that are there whole or not at all, and their names in text."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def write_atomically(path: Path, content: bytes | memoryview) -> None:
    """Write a temporary file beside `path`, bring it to the disk, then give it its name.

    A reader sees the old file or the new one, whenever the machine loses power. Makes the folder. Raises OSError, also
    for a full disk, and leaves no temporary file behind.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        _sync_folder(path.parent)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def shown(path: Path | str) -> str:
    r"""The path as text of one line that any database and any JSON can hold.

    A byte that is not UTF-8 is written `\xff`, and so is what nobody could see or what would break the line: `\n`.
    """
    text = os.fsencode(path).decode("utf-8", "backslashreplace")
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)


def signature(path: Path | str) -> str:
    """Changes when the file is written to, replaced, or given another time; of a link, when what it leads to does.

    The time of the inode's last change tells of a file that was overwritten and given its old time back, and the inode
    of a link that was turned to another file.
    """
    try:
        status = os.stat(path)  # noqa: PTH116 - asked for thousands of files before every job
    except OSError as error:  # the next one to read the file says more
        return f"unreadable {error.errno}"
    return f"{status.st_size} {status.st_mtime_ns} {status.st_ctime_ns} {status.st_ino}"


def _sync_folder(folder: Path) -> None:
    """Bring the new name itself to the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
