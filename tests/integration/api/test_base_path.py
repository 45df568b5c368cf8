"""The API below a path: every link leads there, whether the proxy passes the path on or cuts it off."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from urllib.parse import urljoin

import pytest
from flask.testing import FlaskClient

from api.app import create_app
from api.services import Services
from shared.settings import Settings

SPEC = {"architecture": {"kind": "mlp", "hidden": [4]}}


@pytest.fixture
def services(settings: Callable[..., Settings]) -> Iterator[Services]:
    """The real parts, set to be served below a path."""
    services = Services.build(settings(base_path="/lab/flightline", trusted_proxies="127.0.0.1"))
    yield services
    services.broker.close()
    services.db.dispose()


@pytest.fixture
def client(services: Services) -> FlaskClient:
    """A client that does not look into answers."""
    return create_app(services=services).test_client()


@pytest.mark.parametrize("sent", ["/lab/flightline", ""], ids=["passed on", "cut off"])
def test_every_link_has_the_path(client: FlaskClient, sent: str) -> None:
    """Those of new jobs, of short ids, of the description and of errors; and they lead somewhere."""
    created = client.post(f"{sent}/v1/jobs", json=SPEC)
    job_id = created.json["id"] if created.json else ""
    short = client.get(f"{sent}/v1/jobs/{job_id[-12:]}")
    described = client.get(f"{sent}/openapi.json").json

    assert created.headers["Location"] == f"/lab/flightline/v1/jobs/{job_id}"
    assert client.get(created.headers["Location"]).status_code == 200
    assert short.headers["Link"] == f'</lab/flightline/v1/jobs/{job_id}>; rel="canonical"'
    assert described is not None
    assert described["servers"] == [{"url": "/lab/flightline"}]
    assert "/lab/flightline/docs" in client.get(f"{sent}/nowhere").text


@pytest.mark.parametrize("start", ["/lab/flightline", "/lab/flightline/", "/"])
def test_the_start_leads_to_everything(client: FlaskClient, start: str) -> None:
    """The page's files and the reference, and what the reference links to."""
    found = set(re.findall(r'(?:href|src)="([^"#]+)"', client.get(start).text))
    reference = set(re.findall(r'href="([^"#]+)"', client.get("/lab/flightline/docs").text))

    assert "/lab/flightline/docs" in found
    assert reference == {"./", "static/icon.svg", "static/reference.css", "openapi.json"}
    for link in found | {urljoin("/lab/flightline/docs", link) for link in reference}:
        with client.get(link) as there:
            assert there.status_code == 200


def test_a_proxy_may_say_the_path_itself(client: FlaskClient) -> None:
    """A trusted one does so when it cuts its own path off; nobody else may."""
    headers = {"X-Forwarded-Prefix": "/team"}
    trusted = client.post("/lab/flightline/v1/jobs", json=SPEC, headers=headers)
    other = client.post(
        "/lab/flightline/v1/jobs", json=SPEC, headers=headers, environ_overrides={"REMOTE_ADDR": "192.0.2.1"}
    )

    assert trusted.headers["Location"].startswith("/team/lab/flightline/v1/jobs/")
    assert other.headers["Location"].startswith("/lab/flightline/v1/jobs/")


def test_a_proxys_own_name_for_the_service_must_be_allowed(client: FlaskClient) -> None:
    """Like every other name: a proxy says by which one the client asked."""
    assert client.get("/healthz", headers={"X-Forwarded-Host": "lab.example.com"}).status_code == 421
    assert client.get("/healthz", headers={"X-Forwarded-Host": "localhost"}).status_code == 200
    page = {"Origin": "https://127.0.0.1:444", "X-Forwarded-Host": "127.0.0.1:444", "X-Forwarded-Proto": "https"}
    assert client.post("/v1/jobs", json=SPEC, headers=page).status_code == 201
