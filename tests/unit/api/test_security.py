"""Which requests are refused because a page of another site may be behind them."""

from __future__ import annotations

import socket
from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from api.http import errors, security
from shared.settings import Settings

Client = Callable[..., FlaskClient]


@pytest.fixture
def client() -> Client:
    """Makes a client of an application with one endpoint, on these settings."""

    def make(**settings: object) -> FlaskClient:
        app = Flask("api")
        errors.register(app)
        security.register(app, Settings.model_validate(settings))

        @app.route("/", methods=["GET", "POST"])
        def index() -> str:
            return "here"

        return app.test_client()

    return make


def call(client: FlaskClient, host: str | None, method: str = "GET", **headers: str) -> TestResponse:
    """Call the endpoint by a name; None sends no Host."""
    overrides = {"HTTP_HOST": host}
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return client.open("/", method=method, headers=named, environ_overrides=overrides)


ALWAYS = ["localhost", "LOCALHOST:1", "localhost.", "127.0.0.1:8470", "[::1]:8470", "192.168.1.5", "[fe80::1]:80"]


@pytest.mark.parametrize("host", ALWAYS)
def test_loopback_and_addresses_are_allowed(client: Client, host: str) -> None:
    """On every port: no page of another site can have one of these for its own name."""
    assert call(client(), host).status_code == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8470", "localhost.evil.example", "127.0.0.1.evil.example", "127.1", "api"]
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_another_name_is_refused(client: Client, host: str, method: str) -> None:
    """Reading too, whatever the browser says of the site; the answer names the setting that would allow it."""
    response = call(client(), host, method, Sec_Fetch_Site="same-origin")

    assert response.status_code == 421
    assert response.mimetype == "application/problem+json"
    assert response.json is not None
    assert response.json["code"] == "misdirected_request"
    assert "FLIGHTLINE_ALLOWED_HOSTS" in response.json["detail"]
    assert response.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("host", ["", "a b", "a,b", "localhost:x", "user@localhost", "[::1", "a/b"])
def test_a_host_that_is_none_is_refused(client: Client, host: str) -> None:
    """Two in one header, an empty one and the like."""
    response = call(client(), host)

    assert response.status_code == 400
    assert response.json is not None
    assert response.json["code"] == "bad_request"


@pytest.mark.parametrize("protocol, status", [("HTTP/1.1", 400), ("HTTP/1.0", 200)])
def test_no_host_at_all(client: Client, protocol: str, status: int) -> None:
    """HTTP 1.1 asks for one; old health checks speak 1.0, and no browser does."""
    overrides = {"HTTP_HOST": None, "SERVER_PROTOCOL": protocol}
    assert client().get("/", environ_overrides=overrides).status_code == status


@pytest.mark.parametrize(
    "target, status",
    [
        ("http://localhost:1/", 200),
        ("http://evil.example/", 421),
        ("HTTP://evil.example?x", 421),
        ("http:///", 400),
        ("/?next=http://evil.example/", 200),
    ],
)
def test_a_target_in_absolute_form_counts_as_a_host(client: Client, target: str, status: int) -> None:
    """It takes the place of the Host header, so it must be one of the names as well."""
    overrides = {"RAW_URI": target, "HTTP_HOST": "localhost"}
    assert client().get("/", environ_overrides=overrides).status_code == status


def test_the_settings_allow_further_names(client: Client) -> None:
    """The name that the API listens on, and the list."""
    settings = {"host": "Flightline.lan", "allowed_hosts": "proxy.example.com,*.lan.example"}
    for host in ("flightline.lan:80", "proxy.example.com", "a.lan.example"):
        assert call(client(**settings), host).status_code == 200
    assert call(client(**settings), "evil.example").status_code == 421
    assert call(client(allowed_hosts="*"), "evil.example").status_code == 200


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5"])
def test_a_service_that_others_reach_goes_by_its_machines_name(
    client: Client, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    """In full, in short and in the local network; one that listens here alone does not need it."""
    monkeypatch.setattr(socket, "gethostname", lambda: "GPU-box.example.com")
    for name in ("gpu-box.example.com", "gpu-box", "gpu-box.local"):
        assert call(client(host=host), name).status_code == 200
        assert call(client(), name).status_code == 421
    assert call(client(host=host), "evil.example").status_code == 421


@pytest.mark.parametrize("site", ["cross-site", "same-site", "anything"])
def test_a_page_of_another_origin_changes_nothing(client: Client, site: str) -> None:
    """Another port of this machine is the same site, and another program all the same."""
    response = call(client(), "localhost", "POST", Sec_Fetch_Site=site)

    assert response.status_code == 403
    assert response.json is not None
    assert response.json["code"] == "forbidden"
    assert call(client(), "localhost", Sec_Fetch_Site=site).status_code == 200


@pytest.mark.parametrize("site", ["same-origin", "none", None])
def test_own_pages_and_programs_change_things(client: Client, site: str | None) -> None:
    """A program sends no such header at all."""
    headers = {} if site is None else {"Sec_Fetch_Site": site}
    assert call(client(), "localhost", "POST", **headers).status_code == 200


@pytest.mark.parametrize(
    "host, origin, status",
    [
        ("192.168.1.5:8470", "http://192.168.1.5:8470", 200),
        ("192.168.1.5", "https://192.168.1.5:443", 200),
        ("192.168.1.5:8470", "http://192.168.1.5:3000", 403),
        ("192.168.1.5:8470", "http://evil.example", 403),
        ("192.168.1.5:8470", "null", 403),
        ("192.168.1.5:8470", "http://[", 403),
    ],
)
def test_without_the_browsers_word_the_origin_decides(client: Client, host: str, origin: str, status: int) -> None:
    """Over plain HTTP to another machine browsers send the origin alone."""
    assert call(client(), host, "POST", Origin=origin).status_code == status


def test_the_browsers_word_goes_before_the_origin(client: Client) -> None:
    """A proxy that changes the Host does not lock its own page out."""
    headers = {"Origin": "https://flightline.example.com", "Sec_Fetch_Site": "same-origin"}
    assert call(client(), "127.0.0.1:8470", "POST", **headers).status_code == 200
