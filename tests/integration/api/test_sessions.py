"""Browsers sign in with a token once, and send a cookie since."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from api.services import Services
from shared.people import tokens
from shared.settings import Settings
from tests.conftest import Jump
from tests.support import people

SPEC = {"architecture": {"kind": "mlp", "hidden": [4]}, "dataset": "synthetic"}
UNKNOWN = f"fl_{'x' * 43}"


@pytest.fixture
def services(settings: Callable[..., Settings]) -> Iterator[Services]:
    """The real parts of a service that asks for tokens."""
    services = Services.build(settings(auth="on"))
    yield services
    services.broker.close()
    services.db.dispose()


class TestSessions:
    def sign_in(self, client: FlaskClient, token: str, **sent: Any) -> TestResponse:
        """Begin a session."""
        return client.post("/v1/session", json={"token": token}, **sent)

    def test_a_browser_signs_in_once_and_out_again(self, client: FlaskClient, services: Services) -> None:
        """Its cookie does what the token does, and neither holds the other."""
        token, token_id = people.token(services.db)
        begun = self.sign_in(client, token)
        assert begun.status_code == 200
        assert (begun.json or {})["token_id"] == token_id
        cookie = begun.headers["Set-Cookie"]
        name, _, _ = cookie.partition("=")
        assert {"HttpOnly", "Path=/", "SameSite=Strict"} <= set(cookie.split("; "))
        assert "Secure" not in cookie
        assert token not in cookie

        assert (client.get("/v1/whoami").json or {})["owner"] == "alice"
        assert client.post("/v1/jobs", json=SPEC).status_code == 201
        kept = client.get_cookie(name)
        assert kept is not None

        assert client.delete("/v1/session").status_code == 204
        assert client.get_cookie(name) is None
        client.set_cookie(name, kept.value)
        assert client.get("/v1/whoami").status_code == 401

    def test_the_cookie_travels_encrypted_where_the_service_does(self, client: FlaskClient, services: Services) -> None:
        """Under https alone."""
        token, _ = people.token(services.db)
        begun = self.sign_in(client, token, base_url="https://localhost")
        assert "Secure" in begun.headers["Set-Cookie"].split("; ")

    @pytest.mark.parametrize("token", [UNKNOWN, "", "fl_x", "x" * 5000, "fl_" + "\u00e4" * 43])
    def test_nobody_signs_in_with_what_is_no_token(self, client: FlaskClient, token: str) -> None:
        """No cookie, and the answer does not repeat what was sent."""
        refused = self.sign_in(client, token)
        assert refused.status_code == 401
        assert "Set-Cookie" not in refused.headers
        assert not token or token not in refused.text

    @pytest.mark.parametrize(
        "body", [b"", b"{", b'"SECRET"', b'{"SECRET": 1}', b'{"token": ["SECRET"]}', b'{"token": "a", "SECRET": 1}']
    )
    def test_a_wrong_sign_in_is_not_repeated(self, client: FlaskClient, body: bytes) -> None:
        """Some part of it may be the secret."""
        refused = client.post("/v1/session", data=body, content_type="application/json")
        assert refused.status_code == 422
        assert "SECRET" not in refused.text

    def test_it_ends_with_its_token(self, client: FlaskClient, services: Services) -> None:
        """When that is revoked."""
        token, token_id = people.token(services.db)
        self.sign_in(client, token)
        tokens.revoke(services.db, token_id)
        services.authentication.forget()
        assert client.get("/v1/whoami").status_code == 401

    def test_it_ends_after_two_weeks_and_with_the_tokens_expiry(
        self, client: FlaskClient, services: Services, jump: Jump
    ) -> None:
        """Whichever comes first."""
        lasting, _ = people.token(services.db)
        short, _ = people.token(services.db, expires_seconds=3600)
        for token, seconds in ((short, 3601.0), (lasting, 14 * 86_400.0)):
            self.sign_in(client, token)
            assert client.get("/v1/whoami").status_code == 200
            jump(seconds)
            services.authentication.forget()
            assert client.get("/v1/whoami").status_code == 401

    def test_a_page_of_another_site_neither_begins_nor_ends_one(self, client: FlaskClient, services: Services) -> None:
        """As it changes nothing else."""
        token, _ = people.token(services.db)
        assert self.sign_in(client, token, headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
        assert client.delete("/v1/session", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403

    def test_signing_out_without_a_session_does_nothing(self, client: FlaskClient) -> None:
        """Twice in a row, for example."""
        assert client.delete("/v1/session").status_code == 204
