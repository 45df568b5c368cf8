"""A job's spec as it is stored and as workers are given it: JSON."""

from __future__ import annotations

from typing import Any, TypedDict


class LimitsDocument(TypedDict):
    """When the service gives up on a job."""

    timeout_seconds: float
    max_attempts: int


class SpecDocument(TypedDict):
    """A `JobSpec` with every default in, checked when it came; that of a newer release may have further fields."""

    name: str | None
    tags: list[str]
    dataset: dict[str, Any]
    architecture: dict[str, Any]
    training: dict[str, Any]
    resources: dict[str, Any]
    priority: int
    limits: LimitsDocument
