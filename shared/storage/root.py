"""The folder that artifacts lie in, told from the empty folder that an unmounted volume leaves in its place.

A marker file lies in it. Whoever uses the storage first writes the marker; from then on a folder without it is not the
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
    """A local folder as the root of a storage.

    Args:
        path: the folder.
        in_use: whether the database names files in it; asked only about a folder that is empty or missing.
    """

    def __init__(self, path: str, in_use: Callable[[], bool]) -> None:
        self._path = Path(path)
        self._marker = self._path / MARKER
        self._in_use = in_use
        self._seen = False

    def require(self, *, writing: bool) -> None:
        """Return when the folder is the storage, or may become it: the first write makes and marks it.

        A folder with files but no marker is the storage of an earlier release.

        Raises:
            StorageUnavailable: the folder is missing or empty, and is known to have held files.
            OSError: it cannot be looked at or made.
        """
        seen = self._seen  # before the look: another thread may be making and marking it right now
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
        """Make the folder and mark it: from here on, files that are not in it are missing, not on another volume.

        Raises:
            OSError: it cannot be made.
        """
        self._path.mkdir(parents=True, exist_ok=True)
        with suppress(FileExistsError), self._marker.open("x") as file:
            file.write(_TEXT)
        self._seen = True

    @property
    def lost(self) -> bool:
        """Whether the storage was here before, and is not now."""
        try:
            return self._seen and not self._marked()
        except OSError:
            return True

    def _marked(self) -> bool:
        try:
            os.stat(self._marker)  # noqa: PTH116 -- Path.exists() takes a dead mount for a missing file
        except (FileNotFoundError, NotADirectoryError):
            return False
        return True

    def _is_bare(self) -> bool:
        try:
            return not any(self._path.iterdir())
        except FileNotFoundError:
            return True
        except NotADirectoryError:
            return False  # a setting that names a file: the write says so

    def _holds_files(self) -> bool:
        try:
            return self._in_use()
        except DatabaseUnavailable as error:
            raise StorageUnavailable(
                f"{self._path} is empty, and whether it ought to be is not known while the database does not answer."
            ) from error
