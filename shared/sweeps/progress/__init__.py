"""How a sweep goes on: results taken in, points promoted, jobs made, in one transaction each."""

from __future__ import annotations

from shared.sweeps.progress.advance import advance, steps
from shared.sweeps.progress.continuation import next_rung

__all__ = ["advance", "next_rung", "steps"]
