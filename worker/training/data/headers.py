"""What the headers of a data set's images say: one shape for all of them, or several."""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from worker.training.data.decoding import Shape
from worker.training.data.images import header_of
from worker.training.data.sources.folders import ClassFolders
from worker.training.errors import DatasetCorrupt
from worker.training.state.files import shown, write_atomically

log = logging.getLogger(__name__)


class Headers:
    """The shapes of class folders' images, read from their headers once for each state of the files.

    Args:
        cache_dir: the folder for what was read, which outlives the process.
    """

    def __init__(self, cache_dir: Path) -> None:
        self._cache_dir = cache_dir

    def shape(self, folders: ClassFolders) -> Shape | None:
        """The shape that all images have, upright, of one channel where all of them are grey.

        None where they have several sizes, or where no file is an image. Files that are none are passed over: a job
        will name them. Reading the headers of 50,000 files takes seconds; once read, a system call a file.
        """
        listing = folders.inventory(folders.classes()).listing
        path = self._cache_dir / f"headers-{hashlib.sha256(os.fsencode(folders.root)).hexdigest()[:16]}.json"
        with suppress(OSError, ValueError, KeyError, TypeError):
            stored = json.loads(path.read_bytes())
            if stored["listing"] == listing:
                return _shape(stored["shape"])
        shape = _common_shape(folders)
        try:
            write_atomically(path, json.dumps({"listing": listing, "shape": shape}).encode())
        except OSError as error:
            log.warning("dataset_headers_not_written", extra={"path": shown(path), "reason": error.strerror})
        return shape


def _shape(stored: Sequence[int] | None) -> Shape | None:
    return None if stored is None else (int(stored[0]), int(stored[1]), int(stored[2]))


def _common_shape(folders: ClassFolders) -> Shape | None:
    side: tuple[int, int] | None = None
    grey = True
    for path in folders.files():
        with suppress(DatasetCorrupt):
            header = header_of(path)
            if side not in {None, header.side}:
                return None
            side, grey = header.side, grey and header.grey
    return None if side is None else (1 if grey else 3, *side)
