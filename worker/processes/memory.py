"""Memory that a job has freed: the C library keeps it for the next allocation, unless it is told to give it back."""

from __future__ import annotations

import ctypes

LONG_SECONDS = 5.0
"""A job that took so long is worth it: the next one pays some milliseconds for its memory again."""


def give_back() -> None:
    """Return what is free inside this process to the machine, where the C library can (glibc)."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
