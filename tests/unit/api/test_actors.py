"""Who asks: decided once for each request, and given to every endpoint."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, request

from api.app import ROUTES
from api.http import operations
from api.http.actors import actor_of
from api.http.operations import Operation, Reply
from api.http.requests.images import IMAGES
from api.services import Services
from shared.jobs.actor import NOBODY, Actor
from shared.settings import Settings

EVERY = [operation for routes in ROUTES for operation in routes.operations]
JOB = "01900000-0000-7000-8000-000000000000"
ALICE = Actor("alice")


@pytest.mark.parametrize("operation", EVERY, ids=[operation.name for operation in EVERY])
def test_every_endpoint_is_given_who_asks(
    operation: Operation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beside the services, as the one place for it decides."""
    services = Services.build(Settings.model_validate({"home": tmp_path, "redis_url": "unix:///nowhere.sock"}))
    given: list[object] = []

    def view(*arguments: object, **_: object) -> Reply:
        given.extend(arguments)
        return Reply(None)

    monkeypatch.setattr(operations, "actor_of", lambda sent: ALICE if sent == request else NOBODY)
    path = {name: value for name, value in (("job_id", JOB), ("name", "best")) if f"{name}>" in operation.path}
    image = {"data": b"pixels", "content_type": "image/png"}
    sent: dict[str, Any] = image if operation.body is IMAGES else {"json": {}}
    with Flask("test").test_request_context(method=operation.method, **sent):
        dataclasses.replace(operation, view=view).handle(services, **path)
    assert given == [services, ALICE]


def test_nobody_has_to_say_who_they_are() -> None:
    """Every request is nobody's in particular, and jobs have no owner."""
    with Flask("test").test_request_context(headers={"Authorization": "Bearer fl_x"}):
        assert actor_of(request) == NOBODY == Actor(owner=None)
