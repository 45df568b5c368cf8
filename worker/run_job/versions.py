"""Versions of installed packages."""

from __future__ import annotations

from functools import cache
from importlib.metadata import PackageNotFoundError, version

_DISTRIBUTIONS = {"flightline": "flightline-train"}
"""Of packages that are called otherwise where they are installed from."""


@cache
def installed(package: str) -> str:
    """The package's version, or "not installed"."""
    try:
        return version(_DISTRIBUTIONS.get(package, package))
    except PackageNotFoundError:
        return "not installed"
