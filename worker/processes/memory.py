"""Memory that a job has freed, which the C library otherwise holds for the next allocation."""

from __future__ import annotations

import ctypes

IDLE_SECONDS = 5.0
"""How long a child waits for its next job before memory is returned: allocating it again would cost that job time."""


def give_back() -> None:
    """Return this process' free memory to the system, where the C library can (glibc)."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
