"""The artifacts' bucket, on an S3 server of the run's own."""

from __future__ import annotations

import os
from pathlib import Path

from shared.storage.s3 import BoundedS3FileSystem
from shared.storage.store import Storage
from tests.support.s3 import SILENT, SLOW_DOWN, S3Server

_FAULTS = (SLOW_DOWN, SILENT, "500 InternalError")


class Bucket:
    """Does what `tests.chaos.disk.Disk` does, but cannot be full.

    Args:
        kept: the folder that its files are copied to when a run is to be studied.
    """

    mounted = False

    def __init__(self, kept: Path) -> None:
        self._kept = kept
        self._server = S3Server().start()
        os.environ.update(self._server.environment)  # for the programs that are started
        BoundedS3FileSystem.clear_instance_cache()  # one made earlier would ask another server
        self.url = self._server.make_bucket()
        self._storage = Storage(self.url)
        self._answers = True

    def prepare(self) -> None:
        """It is there already."""

    def begin_outage(self, choice: float) -> None:
        """Have it refuse, fail, or say nothing."""
        self._answers = False
        self._server.begin(_FAULTS[int(choice * len(_FAULTS))])

    def end_outage(self) -> None:
        """Have it answer again."""
        self._server.end()
        self._answers = True

    def holds(self, path: str) -> bool:
        """Whether this file is there, as far as it can be asked now."""
        return self._answers and path in self._storage.page("", 10**6)

    def damage(self, path: str, choice: float) -> None:
        """Cut a file off, or spoil its beginning."""
        content = self._storage.read(path)
        self._storage.put(path, content[: len(content) // 2] if choice < 0.5 else b"\0" * 64 + content[64:])

    def keep(self) -> None:
        """Copy its files to the folder."""
        for path in self._storage.page("", 10**6):
            (self._kept / path).parent.mkdir(parents=True, exist_ok=True)
            (self._kept / path).write_bytes(self._storage.read(path))

    def remove(self) -> None:
        """End the server."""
        self._server.remove()
