"""The folder of the artifacts, distinguished from the empty mount point of a volume that is not mounted.

The folder contains a marker file, written on its first use. From then on a folder without the marker is not the
storage, and nothing is written to it.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from shared.errors import DatabaseUnavailable, StorageUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable

MARKER = ".flightline-artifacts"
_TEXT = "Flightline's artifacts lie here. While this file is missing, Flightline takes the volume for not mounted.\n"


class LocalRoot:
    """A local folder as the root of an artifact storage.

    Args:
        path: the folder.
        in_use: returns whether the database names files in it; called only for a folder that is empty or missing.
    """

    def __init__(self, path: str, in_use: Callable[[], bool]) -> None:
        self._path = Path(path)
        self._marker = self._path / MARKER
        self._in_use = in_use
        self._seen = False

    def require(self, *, writing: bool) -> None:
        """Raise unless the folder is the storage, or may become it by the first write.

        A folder with files but without a marker is the storage of an earlier release.

        Raises:
            StorageUnavailable: the folder is missing or empty although it is known to have held files.
            OSError: the folder cannot be read or created.
        """
        seen = self._seen  # read before the folder is checked: another thread may be marking it right now
        if self._marked():
            self._seen = True
        elif seen or (self._is_bare() and self._holds_files()):
            raise StorageUnavailable(
                f"{self._path} is not the artifact storage any more: its file {MARKER} is missing. Mount the volume "
                f"again; where the files are gone for good, make that folder and an empty file {MARKER} in it."
            )
        elif writing:
            self.establish()

    def establish(self) -> None:
        """Create the folder and its marker: from now on, files that are not in it count as missing.

        Raises:
            OSError: the folder or the marker cannot be written.
        """
        self._path.mkdir(parents=True, exist_ok=True)
        with suppress(FileExistsError), self._marker.open("x") as file:
            file.write(_TEXT)
        self._seen = True

    @property
    def lost(self) -> bool:
        """Whether the storage was here before and is not here now."""
        try:
            return self._seen and not self._marked()
        except OSError:
            return True

    def _marked(self) -> bool:
        try:
            os.stat(self._marker)  # noqa: PTH116 -- Path.exists() reports a dead mount as a missing file
        except (FileNotFoundError, NotADirectoryError):
            return False
        return True

    def _is_bare(self) -> bool:
        try:
            return not any(self._path.iterdir())
        except FileNotFoundError:
            return True
        except NotADirectoryError:
            return False  # the setting names a file; the write fails with that reason

    def _holds_files(self) -> bool:
        try:
            return self._in_use()
        except DatabaseUnavailable as error:
            raise StorageUnavailable(
                f"{self._path} is empty; whether files are missing cannot be known while the database is unavailable."
            ) from error
