"""The actor on whose behalf a request is answered, decided here once per request."""

from __future__ import annotations

from flask import Request

from shared.jobs.actor import NOBODY, Actor


def actor_of(request: Request) -> Actor:
    """Return the sender of this request. Requests are not authenticated, so the sender is always `NOBODY`."""
    del request
    return NOBODY
