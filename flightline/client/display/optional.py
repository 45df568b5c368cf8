"""Packages that the client uses where a user has them."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from flightline.errors import UsageError

DISTRIBUTIONS = {"PIL": "pillow"}
"""Packages that are installed by another name than they are imported by."""


def optional(module: str, needed_by: str) -> Any:
    """The imported module.

    Raises:
        UsageError: its package is not installed; the message says what needs it and how to install it.
    """
    package = module.partition(".")[0]
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        if error.name and error.name.partition(".")[0] != package:
            raise  # the package is there, and something that it needs is not
        name = DISTRIBUTIONS.get(package, package)
        message = f"{needed_by} needs {name}, which is not installed. Install it: `pip install {name}`."
        raise UsageError(message) from error
