"""How a sweep goes on: results taken in, points promoted, jobs made, in one transaction each."""

from __future__ import annotations

from shared.sweeps.progress.advance import advance

__all__ = ["advance"]
