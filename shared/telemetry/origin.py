"""The request on whose behalf code runs, which a submitted job carries to the worker that runs it."""

from __future__ import annotations

import contextvars
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Self


@dataclass(frozen=True)
class Origin:
    """Where a job came from.

    Attributes:
        request: id of the request, as the header ``X-Request-ID`` of its answer says; None without a request.
        traceparent: W3C trace context of the request's span; None where no trace is recorded.
    """

    request: str | None = None
    traceparent: str | None = None

    @classmethod
    def of(cls, document: Mapping[str, Any] | None) -> Self:
        """Return the origin that a job's row holds; an empty one where it holds none."""
        found = document or {}
        return cls(found.get("request"), found.get("traceparent"))

    def document(self) -> dict[str, str] | None:
        """Return the origin as a job's row holds it; None for an empty one."""
        return {name: value for name, value in vars(self).items() if value is not None} or None


NOWHERE = Origin()
"""The origin of jobs that no request submitted, and of those of releases up to 0.1."""

_current: contextvars.ContextVar[Origin] = contextvars.ContextVar("origin", default=NOWHERE)


def current() -> Origin:
    """Return the request that this thread works for; an empty origin outside of requests."""
    return _current.get()


@contextmanager
def working_for(origin: Origin) -> Iterator[None]:
    """Make this thread work for a request inside the block."""
    token = _current.set(origin)
    try:
        yield
    finally:
        _current.reset(token)
