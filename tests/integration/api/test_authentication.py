"""Who may call what: every operation of the description with no token, with each scope, and with a token that ended."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, update
from werkzeug.test import TestResponse

from api.app import ROUTES
from api.http.description.openapi import describe
from api.services import Services
from shared.database.tables import Job
from shared.errors import DatabaseUnavailable
from shared.people import tokens
from shared.people.scopes import Scope
from shared.settings import Settings
from tests.conftest import Jump
from tests.support import people
from tests.support.people import bearer, with_authentication

DOCUMENT = describe([operation for routes in ROUTES for operation in routes.operations], "0")
CALLS: list[tuple[str, str, dict[str, Any]]] = [
    (method.upper(), path, operation)
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
]
NAMES = [operation["operationId"] for _, _, operation in CALLS]
SPEC = {"architecture": {"kind": "mlp", "hidden": [4]}, "dataset": "synthetic"}
UNKNOWN = f"fl_{'x' * 43}"


@pytest.fixture
def services(settings: Callable[..., Settings]) -> Iterator[Services]:
    """The real parts of a service that asks for tokens."""
    services = Services.build(settings(auth="on"))
    yield services
    services.broker.close()
    services.db.dispose()


def call(client: FlaskClient, method: str, path: str, **sent: Any) -> TestResponse:
    """Call an operation on things that are not there."""
    response = client.open(re.sub(r"\{\w+\}", "0" * 12, path), method=method, **sent)
    response.close()
    return response


def scope_of(operation: dict[str, Any]) -> Scope | None:
    """The scope that the description says an operation takes; None for an open one."""
    ways = {scope for way in operation["security"] for scopes in way.values() for scope in scopes}
    assert len(ways) <= 1
    return Scope(ways.pop()) if ways else None


@pytest.mark.parametrize("method, path, operation", CALLS, ids=NAMES)
def test_every_operation_takes_a_token_that_holds(
    client: FlaskClient, services: Services, jump: Jump, method: str, path: str, operation: dict[str, Any]
) -> None:
    """Without one, with an unknown, an expired or a revoked one the answer is 401 and says how to authenticate."""
    revoked, revoked_id = people.token(services.db, scope=Scope.ADMIN)
    tokens.revoke(services.db, revoked_id)
    expired = with_authentication(services.db, scope=Scope.ADMIN, expires_seconds=5)
    jump(10)
    senders: list[dict[str, str]] = [{}, bearer(UNKNOWN), bearer(revoked), expired, {"Authorization": "Basic YTpi"}]

    for headers in senders:
        response = call(client, method, path, headers=headers)
        if scope_of(operation) is None:
            assert response.status_code != 401 or operation["operationId"] == "begin_session"
            continue
        assert response.status_code == 401
        assert response.json is not None
        assert response.json["code"] == "unauthenticated"
        assert response.headers["WWW-Authenticate"].startswith('Bearer realm="Flightline"')
        sent_one = headers.get("Authorization", "").startswith("Bearer")
        assert ('error="invalid_token"' in response.headers["WWW-Authenticate"]) == sent_one


@pytest.mark.parametrize("scope", Scope)
@pytest.mark.parametrize("method, path, operation", CALLS, ids=NAMES)
def test_every_operation_takes_the_scope_that_its_description_says(
    client: FlaskClient, services: Services, method: str, path: str, operation: dict[str, Any], scope: Scope
) -> None:
    """With less it is 403, before anything of the request is read; with that or more it is not."""
    response = call(client, method, path, headers=with_authentication(services.db, scope=scope))
    taken = scope_of(operation)

    if taken is None or scope.includes(taken):
        assert response.status_code not in {401, 403}
    else:
        assert response.status_code == 403
        assert response.json is not None
        assert response.json["code"] == "insufficient_scope"
        assert f'error="insufficient_scope", scope="{taken}"' in response.headers["WWW-Authenticate"]


def test_what_is_open_is_told() -> None:
    """Health, and signing in and out; the rest takes a token, changes at least one that submits."""
    found = {operation["operationId"]: (method, scope_of(operation)) for method, _, operation in CALLS}
    open_ones = {name for name, (_, scope) in found.items() if scope is None}
    assert open_ones == {"read_health", "read_readiness", "begin_session", "end_session"}
    readers = {name for name, (method, scope) in found.items() if scope is Scope.READ and method != "GET"}
    assert readers == {"predict", "check_job"}
    admins = {name for name, (_, scope) in found.items() if scope is Scope.ADMIN}
    assert {"list_tokens", "create_token", "revoke_token"} <= admins


@pytest.mark.parametrize("path", ["/docs", "/openapi.json", "/static/icon.svg", "/healthz", "/readyz"])
def test_what_describes_the_service_is_open(app: Flask, path: str) -> None:
    """Without a token."""
    assert call(FlaskClient(app), "GET", path).status_code == 200


class TestOwners:
    def test_a_job_belongs_to_the_owner_of_the_token(self, client: FlaskClient, services: Services) -> None:
        """Whoever reads it sees whose it is."""
        alice, bob = (with_authentication(services.db, owner) for owner in ("alice", "bob"))
        job = client.post("/v1/jobs", json=SPEC, headers=alice).json or {}
        assert job["owner"] == "alice"
        assert (client.get(f"/v1/jobs/{job['id']}", headers=bob).json or {})["owner"] == "alice"
        assert [one["owner"] for one in (client.get("/v1/jobs", headers=bob).json or {})["items"]] == ["alice"]

    @pytest.mark.parametrize("owner", ["alice", None], ids=["another's", "from before authentication"])
    def test_the_jobs_of_others_are_changed_by_an_admin_alone(
        self,
        client: FlaskClient,
        services: Services,
        finish: Callable[..., None],
        owner: str | None,
    ) -> None:
        """Their owner and an admin may; for anybody else it is 403, and nothing has changed, no file is gone."""
        bob, root = with_authentication(services.db, "bob"), with_authentication(services.db, "root", Scope.ADMIN)
        ids = [
            (client.post("/v1/jobs", json=SPEC, headers=with_authentication(services.db)).json or {})["id"]
            for _ in range(2)
        ]
        services.db.write(lambda connection: connection.execute(update(Job).values(owner=owner)))
        queued, finished = ids
        finish(finished)
        changes: list[tuple[str, str, dict[str, Any]]] = [
            ("PATCH", f"/v1/jobs/{queued}", {"json": {"priority": 9}}),
            ("POST", f"/v1/jobs/{queued}/cancel", {}),
            ("DELETE", f"/v1/jobs/{finished}", {}),
        ]

        for method, path, sent in changes:
            refused = client.open(path, method=method, headers=bob, **sent)
            assert refused.status_code == 403
            assert refused.json is not None
            assert refused.json["code"] == "not_owner"
        with services.db.read() as connection:
            rows = connection.execute(select(Job.status, Job.priority).order_by(Job.id)).all()
        assert [tuple(row) for row in rows] == [("queued", 5), ("succeeded", 5)]
        weights = client.get(f"/v1/jobs/{finished}/artifacts/best.safetensors", headers=bob)
        assert weights.data == b"weights"
        for method, path, sent in changes:
            assert client.open(path, method=method, headers=root, **sent).status_code < 300

    def test_an_owner_changes_own_jobs(self, client: FlaskClient, services: Services) -> None:
        """With any token of theirs that submits."""
        job = client.post("/v1/jobs", json=SPEC, headers=with_authentication(services.db)).json or {}
        other = with_authentication(services.db)
        assert client.patch(f"/v1/jobs/{job['id']}", json={"priority": 9}, headers=other).status_code == 200
        assert client.post(f"/v1/jobs/{job['id']}/cancel", headers=other).status_code == 200
        assert client.delete(f"/v1/jobs/{job['id']}", headers=other).status_code == 204

    def test_anybody_repeats_anybodys_job_as_their_own(self, client: FlaskClient, services: Services) -> None:
        """Everyone reads everything, and what one submits is one's own."""
        alice, bob = (with_authentication(services.db, owner) for owner in ("alice", "bob"))
        first = (client.post("/v1/jobs", json=SPEC, headers=alice).json or {})["id"]
        client.post(f"/v1/jobs/{first}/cancel", headers=alice)
        again = client.post(f"/v1/jobs/{first}/retry", headers=bob).json or {}
        assert (again["owner"], again["retry_of"]) == ("bob", first)


class TestTokens:
    def test_one_is_made_used_listed_and_revoked(self, client: FlaskClient, services: Services) -> None:
        """The secret is in the first answer alone."""
        root = with_authentication(services.db, "root", Scope.ADMIN)
        made = client.post("/v1/tokens", json={"owner": "bob", "scope": "read", "expires_seconds": 60}, headers=root)
        assert made.status_code == 201
        token = made.json or {}
        assert re.fullmatch(r"fl_[A-Za-z0-9_-]{43}", token["token"])
        assert made.headers["Location"] == f"/v1/tokens/{token['id']}"

        whoami = client.get("/v1/whoami", headers=bearer(token["token"])).json
        assert whoami == {
            "owner": "bob",
            "scope": "read",
            "token_id": token["id"],
            "expires_at": token["expires_at"],
            "authentication": True,
        }
        listed = (client.get("/v1/tokens", headers=root).json or {})["items"]
        assert {one["owner"]: one["id"] for one in listed}["bob"] == token["id"]
        assert "token" not in listed[0]

        assert client.delete(f"/v1/tokens/{token['id']}", headers=root).status_code == 204
        assert client.get("/v1/whoami", headers=bearer(token["token"])).status_code == 401
        assert client.delete(f"/v1/tokens/{token['id']}", headers=root).status_code == 404

    def test_the_smallest_request_makes_one_that_submits_and_does_not_expire(
        self, client: FlaskClient, services: Services
    ) -> None:
        """An owner is all that is needed."""
        made = client.post(
            "/v1/tokens", json={"owner": "a"}, headers=with_authentication(services.db, scope=Scope.ADMIN)
        )
        assert made.json is not None
        assert (made.json["scope"], made.json["expires_at"], made.json["last_used_at"]) == ("submit", None, None)

    @pytest.mark.parametrize(
        "wrong, pointer",
        [
            ({}, ""),
            ([], ""),
            ({"owner": "Alice"}, "/owner"),
            ({"owner": "a" * 40}, "/owner"),
            ({"owner": "-a"}, "/owner"),
            ({"owner": "a\n"}, "/owner"),
            ({"owner": 7}, "/owner"),
            ({"owner": "a", "scope": "all"}, "/scope"),
            ({"owner": "a", "expires_seconds": 0}, "/expires_seconds"),
            ({"owner": "a", "expires_seconds": "60"}, "/expires_seconds"),
            ({"owner": "a", "expires_seconds": 10**12}, "/expires_seconds"),
            ({"owner": "a", "colour": "red"}, "/colour"),
        ],
    )
    def test_a_wrong_request_makes_none(
        self, client: FlaskClient, services: Services, wrong: object, pointer: str
    ) -> None:
        """The answer points at what is wrong."""
        root = with_authentication(services.db, scope=Scope.ADMIN)
        refused = client.post("/v1/tokens", json=wrong, headers=root)
        assert refused.status_code == 422
        assert [error["pointer"] for error in (refused.json or {})["errors"]] == [pointer]
        assert len(tokens.tokens(services.db)) == 1


class TestOff:
    @pytest.fixture
    def services(self, settings: Callable[..., Settings]) -> Iterator[Services]:
        """A service on a loopback address."""
        services = Services.build(settings())
        yield services
        services.broker.close()
        services.db.dispose()

    def test_everybody_may_do_everything(self, client: FlaskClient, services: Services) -> None:
        """Whatever they send, and jobs have no owner."""
        for headers in ({}, bearer(UNKNOWN), with_authentication(services.db, scope=Scope.READ)):
            whoami = client.get("/v1/whoami", headers=headers).json or {}
            assert (whoami["owner"], whoami["scope"], whoami["authentication"]) == (None, "admin", False)
            job = client.post("/v1/jobs", json=SPEC, headers=headers).json or {}
            assert job["owner"] is None
            assert client.post(f"/v1/jobs/{job['id']}/cancel", headers=headers).status_code == 200
        assert client.get("/v1/tokens").status_code == 200

    def test_nobody_has_to_sign_in(self, client: FlaskClient) -> None:
        """A page that does so all the same gets no cookie."""
        answer = client.post("/v1/session", json={"token": UNKNOWN})
        assert answer.status_code == 200
        assert (answer.json or {})["authentication"] is False
        assert "Set-Cookie" not in answer.headers


class TestOutages:
    @pytest.fixture
    def away(self, services: Services, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
        """Has the database not answer from now on."""

        def read() -> None:
            raise DatabaseUnavailable("It is away.")

        return lambda: monkeypatch.setattr(services.db, "read", read)

    def test_without_the_database_nobody_is_let_in(
        self, client: FlaskClient, services: Services, away: Callable[[], None]
    ) -> None:
        """Nobody can be told from anybody else then; those who were here a moment ago go on."""
        known, new = with_authentication(services.db), with_authentication(services.db)
        assert client.get("/v1/presets", headers=known).status_code == 200
        away()
        assert client.get("/v1/presets", headers=known).status_code == 200
        assert client.get("/v1/presets", headers=new).status_code == 503
        services.authentication.forget()
        assert client.get("/v1/presets", headers=known).status_code == 503

    def test_why_it_is_not_ready_is_not_told_to_strangers(
        self, client: FlaskClient, services: Services, away: Callable[[], None], caplog: pytest.LogCaptureFixture
    ) -> None:
        """The log says it."""
        away()
        refused = client.get("/readyz", headers=bearer(UNKNOWN))
        assert refused.status_code == 503
        assert "It is away." not in refused.text
        assert any(getattr(record, "detail", None) == "It is away." for record in caplog.records)

    def test_an_event_stream_ends_with_its_token(self, app: Flask, client: FlaskClient, services: Services) -> None:
        """Nothing more is sent to a reader whose token was revoked; an outage of the database ends no stream."""
        token, token_id = people.token(services.db)
        job = client.post("/v1/jobs", json=SPEC, headers=bearer(token)).json or {}
        with app.test_client().get(f"/v1/jobs/{job['id']}/events", headers=bearer(token), buffered=False) as stream:
            frames = iter(stream.response)
            assert b"retry" in next(frames)
            tokens.revoke(services.db, token_id)
            services.authentication.forget()
            assert list(frames) == []
