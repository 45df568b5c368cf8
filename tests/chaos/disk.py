"""The artifacts' disk, which can be full."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
from contextlib import suppress
from pathlib import Path

_CLONE_NEWNS = 0x00020000
_SIZE = "1g"
_TRIES = 20


def own_mounts() -> bool:
    """Give this process, and whatever it starts, mounts that nobody else sees and that end with it.

    False where that is not allowed (it takes root).
    """
    if os.getuid() or ctypes.CDLL(None, use_errno=True).unshare(_CLONE_NEWNS):
        return False
    return _mount("--make-rprivate", "/")


def _mount(*arguments: str) -> bool:
    return subprocess.run(["mount", *arguments], stderr=subprocess.DEVNULL, check=False).returncode == 0


class Disk:
    """A file system in memory where one may be mounted (`own_mounts` first), else a plain folder.

    Args:
        folder: where it is to be seen; made by `prepare`.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._elsewhere = folder.with_name(f"{folder.name}.elsewhere")
        self.mounted = False

    @property
    def url(self) -> str:
        """For `FLIGHTLINE_ARTIFACTS_URL`."""
        return str(self.folder)

    def prepare(self) -> None:
        """Make it."""
        self.folder.mkdir(parents=True)
        self.mounted = _mount("-t", "tmpfs", "-o", f"size={_SIZE}", "chaos", str(self.folder))

    def fill(self) -> None:
        """Leave no room: every write fails from now on. Only what is mounted can be filled."""
        for _ in range(_TRIES):  # what is written meanwhile does not fit into the new size, and refuses it
            if _mount("-o", f"remount,size={self._used()}", str(self.folder)):
                return
        message = f"{self.folder} could not be made smaller"
        raise OSError(message)

    def free(self) -> None:
        """Make room again."""
        _mount("-o", f"remount,size={_SIZE}", str(self.folder))

    def begin_outage(self, choice: float) -> None:
        """Unmount it: an empty folder is left in its place, or none where it is a plain folder and the choice is so."""
        if self.mounted:
            _mount("-t", "tmpfs", "-o", "size=1m", "chaos", str(self.folder))  # over it: it is in use
            return
        self.folder.rename(self._elsewhere)
        if choice < 0.5:
            self.folder.mkdir()

    def end_outage(self) -> None:
        """Mount it again."""
        if self.mounted:
            subprocess.run(["umount", "--lazy", str(self.folder)], check=True)
            return
        if self.folder.exists():
            self.folder.rmdir()  # an error where somebody has written into the mount point
        self._elsewhere.rename(self.folder)

    def holds(self, path: str) -> bool:
        """Whether this file is there now."""
        return (self.folder / path).exists()

    def damage(self, path: str, choice: float) -> None:
        """Cut a file off, or spoil its beginning."""
        with suppress(OSError):
            file = self.folder / path
            size = file.stat().st_size
            with file.open("r+b") as content:
                content.truncate(size // 2) if choice < 0.5 else content.write(b"\0" * 64)

    def keep(self) -> None:
        """Copy what would vanish with the mount to where it stays."""
        if self.mounted:
            shutil.copytree(self.folder, self.folder.with_name(f"{self.folder.name}.kept"), dirs_exist_ok=True)

    def remove(self) -> None:
        """Take the mount away."""
        if self.mounted:
            with suppress(OSError):
                subprocess.run(["umount", "--lazy", str(self.folder)], check=False)
            self.mounted = False

    def _used(self) -> int:
        found = os.statvfs(self.folder)
        return max(1, found.f_blocks - found.f_bfree) * found.f_frsize
