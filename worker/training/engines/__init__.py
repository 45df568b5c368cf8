"""Engines: ways to run an epoch's steps. An engine may be faster than the reference, never different."""

from __future__ import annotations

from worker.training.engines.base import Engine
from worker.training.engines.reference import ReferenceEngine
from worker.training.errors import InvalidPlan

__all__ = ["ENGINES", "Engine", "ReferenceEngine", "choose"]

ENGINES: dict[str, type[Engine]] = {ReferenceEngine.name: ReferenceEngine}


def choose(asked: str) -> type[Engine]:
    """The engine of this name; for "auto" the fastest that fits. Raises InvalidPlan for an unknown name."""
    name = ReferenceEngine.name if asked == "auto" else asked
    if name not in ENGINES:
        raise InvalidPlan(f"unknown engine {name!r}; this worker has {', '.join(ENGINES)}")
    return ENGINES[name]
