"""Paths as people write them into settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.errors import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path


def expanded(path: Path, setting: str) -> Path:
    """Return the absolute path, with ``~`` replaced by the user's home.

    Args:
        path: as written.
        setting: the variable that holds it, for the message.

    Raises:
        ConfigurationError: the path begins with ``~`` and the user has no home: neither HOME nor an entry in passwd.
    """
    try:
        return path.expanduser().absolute()
    except RuntimeError as error:
        message = (
            f"{setting} is {path}, but this user has no home folder (HOME is not set): set {setting} to a whole path."
        )
        raise ConfigurationError(message) from error
