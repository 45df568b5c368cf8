"""Versions of installed packages."""

from __future__ import annotations

from functools import cache
from importlib.metadata import PackageNotFoundError, version

_DISTRIBUTIONS = {"flightline": "flightline-train"}
"""Distribution names of packages that are imported under another name."""


@cache
def installed(package: str) -> str:
    """The version of an installed package, or "not installed"."""
    try:
        return version(_DISTRIBUTIONS.get(package, package))
    except PackageNotFoundError:
        return "not installed"
