"""Limits of a service that asks for tokens, over HTTP: what an answer says of them, and what goes on beyond them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import request
from flask.testing import FlaskClient

from api.app import create_app
from api.http.access import limits
from api.http.access.actors import session_cookie
from api.http.access.authentication import REMEMBERED_SECONDS
from api.services import Services
from shared.people import tokens
from shared.people.scopes import Scope
from shared.settings import Settings
from tests.support.people import bearer, token, with_authentication

ATTACKER, OTHER = {"REMOTE_ADDR": "192.0.2.1"}, {"REMOTE_ADDR": "192.0.2.2"}
WRONG = [bearer(f"fl_{'x' * 42}{letter}") for letter in "abcdefgh"]


@pytest.fixture
def services(settings: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch) -> Iterator[Services]:
    """The real parts, with narrow limits, in a minute that does not end."""
    monkeypatch.setattr(limits, "_now", lambda: (7, 30))
    for place in ("api.http.access.limits", "shared.delivery.rest"):  # no count is left out, however busy the machine
        monkeypatch.setattr(f"{place}._ANSWER_SECONDS", 60.0)
    services = Services.build(settings(auth="on", requests_per_minute=4, failed_sign_ins_per_minute=3))
    yield services
    services.admission.limits.close()
    services.broker.close()
    services.db.dispose()


def test_an_answer_says_what_is_left(client: FlaskClient, services: Services) -> None:
    """In the fields that are to become a standard; beyond the limit it says when to go on."""
    headers = with_authentication(services.db)
    first = client.get("/v1/whoami", headers=headers)
    last = [client.get("/v1/jobs", headers=headers) for _ in range(4)][-1]

    assert first.headers["RateLimit-Policy"] == '"requests";q=4;w=60'
    assert first.headers["RateLimit"] == '"requests";r=3;t=30'
    assert last.status_code == 429
    assert last.headers["Retry-After"] == "30"
    assert last.json is not None
    assert last.json["code"] == "too_many_requests"


def test_each_token_has_a_count_of_its_own(client: FlaskClient, services: Services) -> None:
    """Also of the same owner; and what needs no token is not counted."""
    one, another = with_authentication(services.db), with_authentication(services.db)
    for _ in range(6):
        client.get("/v1/whoami", headers=one)
        assert client.get("/healthz", headers=one).status_code == 200

    assert client.get("/v1/whoami", headers=one).status_code == 429
    assert client.get("/v1/whoami", headers=another).status_code == 200


def test_an_address_with_wrong_tokens_is_refused(client: FlaskClient, services: Services) -> None:
    """For a minute; a token that was right before goes on from there, and every token from elsewhere."""
    known, unknown = with_authentication(services.db), with_authentication(services.db)
    assert client.get("/v1/whoami", headers=known, environ_overrides=ATTACKER).status_code == 200
    found = [client.get("/v1/jobs", headers=headers, environ_overrides=ATTACKER) for headers in WRONG]

    assert [response.status_code for response in found] == [401] * 3 + [429] * 5
    assert found[-1].json is not None
    assert found[-1].json["code"] == "too_many_failed_sign_ins"
    assert client.get("/v1/whoami", headers=known, environ_overrides=ATTACKER).status_code == 200
    assert client.get("/v1/whoami", headers=unknown, environ_overrides=ATTACKER).status_code == 429
    assert client.get("/v1/whoami", headers=unknown, environ_overrides=OTHER).status_code == 200


def test_a_right_token_goes_on_after_another_is_revoked(client: FlaskClient, services: Services) -> None:
    """All tokens are then looked up again, but those that were right before stay apart from the attacker's."""
    known, admin = with_authentication(services.db), with_authentication(services.db, scope=Scope.ADMIN)
    assert client.get("/v1/whoami", headers=known, environ_overrides=ATTACKER).status_code == 200
    for headers in WRONG:
        client.get("/v1/jobs", headers=headers, environ_overrides=ATTACKER)
    made = client.post("/v1/tokens", json={"owner": "carol", "scope": "read"}, headers=admin, environ_overrides=OTHER)
    client.delete(f"/v1/tokens/{(made.json or {})['id']}", headers=admin, environ_overrides=OTHER)

    assert client.get("/v1/whoami", headers=known, environ_overrides=ATTACKER).status_code == 200


def test_signing_in_and_out_counts_as_well(client: FlaskClient) -> None:
    """A browser's way in is no way around the limit, nor is its way out."""
    wrong = [headers["Authorization"].removeprefix("Bearer ") for headers in WRONG]
    tried = [client.post("/v1/session", json={"token": token}, environ_overrides=ATTACKER) for token in wrong[:2]]
    with client.application.test_request_context():
        cookie = {"Cookie": f"{session_cookie(request)}={'y' * 43}"}
    browser = client.application.test_client(use_cookies=False)
    left = [browser.delete("/v1/session", headers=cookie, environ_overrides=ATTACKER) for _ in range(2)]
    again = client.post("/v1/session", json={"token": wrong[2]}, environ_overrides=ATTACKER)

    assert [response.status_code for response in tried] == [401, 401]
    assert [response.status_code for response in left] == [204, 429]
    assert again.status_code == 429


def test_no_token_at_all_is_no_failed_sign_in(client: FlaskClient, services: Services) -> None:
    """A browser asks without one before it signs in."""
    for _ in range(10):
        assert client.get("/v1/jobs", environ_overrides=ATTACKER).status_code == 401

    headers = with_authentication(services.db, scope=Scope.READ)
    assert client.get("/v1/jobs", headers=headers, environ_overrides=ATTACKER).status_code == 200


def test_without_authentication_nobody_is_counted(settings: Callable[..., Settings]) -> None:
    """Everybody on one's own machine may ask as often as they like."""
    client = create_app(settings(requests_per_minute=1)).test_client()
    answers = [client.get("/v1/queues") for _ in range(5)]

    assert [response.status_code for response in answers] == [200] * 5
    assert "RateLimit" not in answers[0].headers


SPEC = {"architecture": {"kind": "mlp", "hidden": [4]}, "dataset": "synthetic"}


def test_an_owner_may_have_so_many_queued_jobs(settings: Callable[..., Settings]) -> None:
    """However they are submitted; a repeated request is answered as the first, and others have room of their own."""
    services = Services.build(settings(auth="on", max_queued_per_owner=3))
    client = create_app(services=services).test_client()
    alice, bob = with_authentication(services.db), with_authentication(services.db, owner="bob")
    keyed = {**alice, "Idempotency-Key": "first"}
    first = client.post("/v1/jobs", json=SPEC, headers=keyed)
    batch = client.post("/v1/jobs/batch", json={"jobs": [SPEC] * 3}, headers=alice)
    pair = client.post("/v1/jobs/batch", json={"jobs": [SPEC] * 2}, headers=alice)
    more = client.post("/v1/jobs", json=SPEC, headers=alice)

    assert (first.status_code, batch.status_code, pair.status_code) == (201, 429, 201)
    assert more.status_code == 429
    assert more.json is not None
    assert more.json["code"] == "too_many_queued_jobs"
    assert int(more.headers["Retry-After"]) > 0
    assert client.post("/v1/jobs", json=SPEC, headers=keyed).status_code == 201
    assert client.post("/v1/jobs", json=SPEC, headers=bob).status_code == 201

    for job in pair.json["items"] if pair.json else []:
        client.post(f"/v1/jobs/{job['id']}/cancel", headers=alice)
    retried = [client.post(f"/v1/jobs/{job['id']}/retry", headers=alice) for job in (pair.json or {})["items"] * 2]

    assert [response.status_code for response in retried] == [201, 201, 429, 429]


def test_a_revoked_token_is_refused_like_one_that_never_was_right(
    client: FlaskClient, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its program may go on sending it: the database is not asked for each request."""
    secret, token_id = token(services.db)
    now = [0.0]
    monkeypatch.setattr(services.authentication, "_clock", lambda: now[0])
    sent: dict[str, Any] = {"headers": bearer(secret), "environ_overrides": ATTACKER}
    assert client.get("/v1/jobs", **sent).status_code == 200
    tokens.revoke(services.db, token_id)
    now[0] += REMEMBERED_SECONDS

    assert [client.get("/v1/jobs", **sent).status_code for _ in range(5)] == [401] * 3 + [429] * 2
