"""On whose behalf a request is answered: decided here, once for each request."""

from __future__ import annotations

from flask import Request

from shared.jobs.actor import NOBODY, Actor


def actor_of(request: Request) -> Actor:
    """Who sent this request. Nobody has to say who they are, so it is nobody in particular."""
    del request
    return NOBODY
