"""Where the embedded Redis of a home listens: one rule for the stack that starts it and for all that talk to it."""

from __future__ import annotations

import hashlib
import os
import stat
import tempfile
from pathlib import Path
from urllib.parse import quote

from shared.errors import ConfigurationError

MAX_PATH_BYTES = 107  # sun_path of a unix socket, less the final zero


def socket_path(home: Path) -> Path:
    """In the home, or where that path is too long for a socket, in a private folder in the temp folder.

    Raises:
        ConfigurationError: that folder is open to others; what listens there may be theirs.
    """
    path = home / "redis" / "redis.sock"
    if len(os.fsencode(path)) <= MAX_PATH_BYTES:
        return path
    name = hashlib.sha256(os.fsencode(home)).hexdigest()[:16]
    return _private(Path(tempfile.gettempdir()) / f"flightline-{os.getuid()}-{name}") / "redis.sock"


def socket_url(path: Path) -> str:
    """The `unix://` URL of a socket."""
    return f"unix://{quote(str(path))}"


def _private(folder: Path) -> Path:
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise ConfigurationError(
            f"{folder} is not a private folder of yours; remove it, or choose a shorter FLIGHTLINE_HOME."
        )
    return folder
