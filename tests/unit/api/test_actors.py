"""Who asks: decided once for each request, and given to every endpoint."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, request

from api.app import ROUTES
from api.http import operations
from api.http.access.actors import actor_of, credential_of, session_cookie
from api.http.access.admission import Admission
from api.http.access.authentication import Credential, Kind
from api.http.errors import Unauthenticated
from api.http.operations import Operation, Reply
from api.http.requests.images import IMAGES
from api.http.requests.parsing import NoQuery
from api.services import Services
from shared.jobs.actor import EVERYBODY, STRANGER, Actor, Scope
from shared.settings import Settings

EVERY = [operation for routes in ROUTES for operation in routes.operations]
JOB = "01900000-0000-7000-8000-000000000000"
ALICE = Actor("alice", Scope.SUBMIT)


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

    monkeypatch.setattr(
        operations, "actor_of", lambda _admission, sent, _scope: ALICE if sent == request else EVERYBODY
    )
    path = {name: value for name, value in (("job_id", JOB), ("name", "best")) if f"{name}>" in operation.path}
    image = {"data": b"pixels", "content_type": "image/png"}
    sent: dict[str, Any] = image if operation.body is IMAGES else {"json": {}}
    with Flask("test").test_request_context(method=operation.method, **sent):
        dataclasses.replace(operation, view=view, query=NoQuery).handle(services, **path)
    assert given == [services, ALICE]


def admission(tmp_path: Path, **settings: str) -> Admission:
    """Who asks, on a database that is not there."""
    found = Services.build(Settings.model_validate({"home": tmp_path, "redis_url": "unix:///nowhere.sock", **settings}))
    return found.admission


@pytest.mark.parametrize("settings", [{}, {"auth": "off", "host": "0.0.0.0"}], ids=["on this machine", "off"])
def test_nobody_has_to_say_who_they_are(tmp_path: Path, settings: dict[str, str]) -> None:
    """While authentication is off every request is everybody's, and jobs have no owner."""
    with Flask("test").test_request_context(headers={"Authorization": "Bearer fl_x"}):
        assert actor_of(admission(tmp_path, **settings), request, Scope.ADMIN) == EVERYBODY
    assert Actor(owner=None, scope=Scope.ADMIN) == EVERYBODY


SECRET = "a" * 43
with Flask("test").test_request_context():
    COOKIE = session_cookie(request)
CREDENTIALS: list[tuple[dict[str, str], Credential | None]] = [
    ({}, None),
    ({"Authorization": f"Bearer fl_{SECRET}"}, Credential(Kind.BEARER, f"fl_{SECRET}")),
    ({"Authorization": f"bearer   fl_{SECRET} "}, Credential(Kind.BEARER, f"fl_{SECRET}")),
    ({"Authorization": "Basic dXNlcjpwYXNzd29yZA=="}, None),
    ({"Cookie": f"other=1; {COOKIE}={SECRET}"}, Credential(Kind.COOKIE, SECRET)),
    ({"Cookie": f"{COOKIE}={SECRET}", "Authorization": "Basic dXNlcg=="}, Credential(Kind.COOKIE, SECRET)),
    ({"Cookie": f"{COOKIE}={SECRET}", "Authorization": "Bearer x"}, Credential(Kind.BEARER, "x")),
]


@pytest.mark.parametrize("headers, credential", CREDENTIALS)
def test_a_token_goes_before_a_session(headers: dict[str, str], credential: Credential | None) -> None:
    """And a password, which is a proxy's, is neither."""
    with Flask("test").test_request_context(headers=headers):
        assert credential_of(request) == credential


def test_each_service_of_a_host_has_a_cookie_of_its_own() -> None:
    """A browser sends a host's cookies to all ports: a session of one service must not replace another's."""
    places = ["http://localhost:8470", "http://localhost:8471", "http://localhost", "http://localhost/fl"]
    names = set()
    for place in places:
        with Flask("test").test_request_context(base_url=place):
            names.add(session_cookie(request))
    assert len(names) == len(places)
    assert all(name.startswith("flightline_session_") for name in names)


def test_a_credential_does_not_show_its_secret() -> None:
    """Whatever prints it."""
    assert SECRET not in repr(Credential(Kind.BEARER, SECRET))


@pytest.mark.parametrize("headers", [headers for headers, _ in CREDENTIALS[:1]] + [{"Authorization": "Bearer fl_x"}])
def test_what_cannot_be_a_token_is_refused_without_a_look_into_the_database(
    tmp_path: Path, headers: dict[str, str]
) -> None:
    """There is none here, and nobody asks it."""
    strict = admission(tmp_path, auth="on")
    with Flask("test").test_request_context(headers=headers), pytest.raises(Unauthenticated) as refused:
        actor_of(strict, request, Scope.READ)
    assert "fl_x" not in str(refused.value)


def test_an_open_operation_is_asked_by_a_stranger(tmp_path: Path) -> None:
    """Who may do nothing, token or not."""
    with Flask("test").test_request_context(headers={"Authorization": f"Bearer fl_{SECRET}"}):
        assert actor_of(admission(tmp_path, auth="on"), request, None) == STRANGER
    assert not any(STRANGER.may(scope) for scope in Scope)


def test_a_scope_includes_those_before_it() -> None:
    """Read, then submit, then admin."""
    allowed = [[scope.includes(other) for other in Scope] for scope in Scope]
    assert allowed == [[True, False, False], [True, True, False], [True, True, True]]
