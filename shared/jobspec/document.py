"""A job's spec as stored JSON, which workers receive."""

from __future__ import annotations

from typing import Any, NotRequired, TypedDict


class LimitsDocument(TypedDict):
    """The limits of a stored spec: time and attempts after which a job has failed."""

    timeout_seconds: float
    max_attempts: int


class SpecDocument(TypedDict):
    """A stored `JobSpec` with every default, checked on submission; a newer release may have added fields."""

    name: str | None
    tags: list[str]
    dataset: dict[str, Any]
    architecture: dict[str, Any]
    training: dict[str, Any]
    resources: dict[str, Any]
    priority: int
    limits: LimitsDocument
    cache: NotRequired[str]
    """Missing where a release before this one took the job."""
