"""The socket of a home's embedded Redis: one rule for the stack that starts Redis and for all its clients."""

from __future__ import annotations

import hashlib
import os
import stat
import tempfile
from pathlib import Path
from urllib.parse import quote

from shared.errors import ConfigurationError

MAX_PATH_BYTES = 107  # size of sun_path of a unix socket, less the final zero


def socket_path(home: Path) -> Path:
    """Return the socket's path: in the home, or in a private temporary folder where that path is too long.

    Raises:
        ConfigurationError: other users can write to that folder, so its socket cannot be trusted.
    """
    path = home / "redis" / "redis.sock"
    if len(os.fsencode(path)) <= MAX_PATH_BYTES:
        return path
    name = hashlib.sha256(os.fsencode(home)).hexdigest()[:16]
    return _private(Path(tempfile.gettempdir()) / f"flightline-{os.getuid()}-{name}") / "redis.sock"


def socket_url(path: Path) -> str:
    """Return the `unix://` URL of a socket's path."""
    return f"unix://{quote(str(path))}"


def _private(folder: Path) -> Path:
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise ConfigurationError(
            f"{folder} must be a folder that only you can access. Remove it, or choose a shorter FLIGHTLINE_HOME."
        )
    return folder
