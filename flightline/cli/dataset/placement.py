"""Copies of images put into the data directory: whole and under their name, or not at all."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from flightline.errors import StackError, UsageError

LOCK, DRAFT = ".adding.lock", ".adding-"
"""Hidden names: workers pass over them."""
SPARE = 1.05
"""How much more than the images' bytes must be free, for the folders."""


def place(source: Path, files: Sequence[dict[str, Any]], target: Path) -> None:
    """Copy image files into a new data set: `target`/train/cat/1.jpg and so on.

    The copy is made beside the target, under a hidden name, and renamed as one step when all of it is on the disk. One
    copy is made at a time; what an interrupted one left behind is removed by the next.

    Args:
        source: the folder that the files' paths start from.
        files: `split`, `label`, `path`, `size` and `changed_ns` of each, as in `worker.training.data.check.ImageFile`.
        target: the folder of the new data set.

    Raises:
        UsageError: the target is there already, or a file has changed since it was checked.
        StackError: there is no room on the disk.
        OSError: a file or folder cannot be read or written.
    """
    data_dir = target.parent
    data_dir.mkdir(parents=True, exist_ok=True)
    with _lock(data_dir / LOCK):
        for leftover in data_dir.glob(f"{DRAFT}*"):
            shutil.rmtree(leftover)
        require_new(target)
        _require_room(data_dir, sum(file["size"] for file in files))
        draft = data_dir / f"{DRAFT}{target.name}"
        try:
            _copy_all(source, files, draft)
            _rename(draft, target)
        except BaseException:
            shutil.rmtree(draft, ignore_errors=True)
            raise


def require_new(target: Path) -> None:
    """Raise `UsageError` where there is anything under the name of a new data set."""
    if os.path.lexists(target):
        raise UsageError(
            f"{target} is there already, and nothing is overwritten. Choose another --name, or remove that one first."
        )


@contextmanager
def _lock(path: Path) -> Iterator[None]:
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _require_room(data_dir: Path, size: int) -> None:
    free = shutil.disk_usage(data_dir).free
    if free < size * SPARE:
        raise StackError(f"{data_dir} has room for {free:,} bytes, and the images take {size:,}. Nothing was copied.")


def _copy_all(source: Path, files: Sequence[dict[str, Any]], draft: Path) -> None:
    for file in files:
        path = source / file["path"]
        copy = draft / file["split"] / file["label"] / path.name
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)
        now = path.stat()
        if (now.st_size, now.st_mtime_ns) != (file["size"], file["changed_ns"]):
            raise UsageError(f"{path} has changed since it was checked. Nothing was copied; try again.")
    os.sync()  # so that a power failure leaves no data set of empty files: once, where one call a file takes minutes


def _rename(draft: Path, target: Path) -> None:
    try:
        draft.rename(target)
    except OSError as error:
        if error.errno in {errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR}:  # it came while the images were copied
            require_new(target)
        raise
