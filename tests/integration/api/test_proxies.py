"""The API behind a real nginx and a real Caddy, set up as docs/operations.md says, at the root and below a path."""

from __future__ import annotations

import hashlib
import random
import re
import shutil
import ssl
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from api.services import Services
from flightline import Client
from shared.jobs.running import attempts
from shared.settings import Settings
from tests.support import factories
from tests.support.api_server import ApiServer, served
from tests.support.proxies import Caddy, Nginx, Proxy
from tests.support.servers import RedisServer

CONTENT = random.Random(0).randbytes(6_000_000)


@dataclass(frozen=True)
class Front:
    """A proxy, and the path below which it has the API."""

    proxy: Proxy
    path: str

    @property
    def url(self) -> str:
        """What people would set as FLIGHTLINE_URL."""
        return f"{self.proxy.url}{self.path}"

    def client(self, **options: Any) -> httpx.Client:
        """Return a client that knows the certificate."""
        trusted = ssl.create_default_context(cafile=str(self.proxy.certificate))
        return httpx.Client(base_url=self.url, verify=trusted, timeout=60, **options)


@pytest.fixture(scope="module")
def home(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a migrated database."""
    home = tmp_path_factory.mktemp("home")
    shutil.copy(sqlite_template, home / "flightline.db")
    return home


@pytest.fixture(scope="module", params=["", "/flightline"], ids=["root", "path"])
def server(request: pytest.FixtureRequest, redis_server: RedisServer, home: Path) -> Iterator[tuple[ApiServer, str]]:
    """The API, which trusts a proxy on this machine, and its base path."""
    environment = {
        "FLIGHTLINE_HOME": str(home),
        "FLIGHTLINE_REDIS_URL": redis_server.url,
        "FLIGHTLINE_API_PROCESSES": "1",
        "FLIGHTLINE_TRUSTED_PROXIES": "127.0.0.1",
        "FLIGHTLINE_BASE_PATH": request.param,
    }
    with served(environment, home / f"server{len(request.param)}.log") as server:
        yield server, request.param


@pytest.fixture(scope="module", params=[Nginx, Caddy], ids=["nginx", "caddy"])
def front(request: pytest.FixtureRequest, server: tuple[ApiServer, str]) -> Iterator[Front]:
    """The proxy before it."""
    api, path = server
    folder = Path(tempfile.mkdtemp(prefix="fl-"))
    proxy: Proxy = request.param(folder, api.address[1], below=bool(path))
    try:
        proxy.start()
        yield Front(proxy, path)
    finally:
        proxy.remove()


@pytest.fixture
def services(redis_server: RedisServer, home: Path) -> Iterator[Services]:
    """The database and the storage that the API has."""
    services = Services.build(Settings.model_validate({"home": home, "redis_url": redis_server.url}))
    yield services
    services.broker.close()
    services.db.dispose()


def test_links_lead_through_the_proxy(front: Front) -> None:
    """Those of a new job, of a short id and of the description."""
    with front.client() as client:
        created = client.post("/v1/jobs", json={"preset": "notebook-linear"})
        job_id = created.json()["id"]
        followed = client.get(f"{front.proxy.url}{created.headers['Location']}")
        short = client.get(f"/v1/jobs/{job_id[-12:]}")
        described = client.get("/openapi.json").json()

    assert (created.status_code, followed.json()["id"]) == (201, job_id)
    assert short.headers["Link"] == f'<{front.path}/v1/jobs/{job_id}>; rel="canonical"'
    assert described["servers"] == [{"url": front.path or "/"}]


def test_the_address_that_people_are_given_is_the_page(front: Front) -> None:
    """Also in a browser, where nothing adds the slash that a proxy may want behind the path."""
    with front.client(follow_redirects=True) as client:
        page = client.get(front.url)

    assert page.status_code == 200
    assert f'<meta name="base" content="{front.path}"' in page.text


def test_the_reference_is_whole(front: Front) -> None:
    """All that it links to is found."""
    with front.client() as client:
        page = client.get("/docs")
        links = {str(page.url.join(link)) for link in re.findall(r'href="([^"#]+)"', page.text)}
        found = {link: client.get(link) for link in links}

    assert page.status_code == 200
    assert len(links) == 4
    assert all(response.status_code == 200 for response in found.values())
    assert found[f"{front.url}/static/reference.css"].headers["Content-Type"].startswith("text/css")


def test_events_come_at_once(front: Front, services: Services) -> None:
    """A proxy that kept them until there are more would have this wait for ever."""
    job_id = factories.submit(services.db)
    with front.client() as client, client.stream("GET", f"/v1/jobs/{job_id}/events") as stream:
        lines = stream.iter_lines()
        assert any("queued" in line for line in lines)
        claim = factories.claim(services.db, job_id)
        assert any("running" in line for line in lines)
        attempts.record_epochs(services.db, claim, [factories.epoch_row(1)], factories.best())
        assert any("train_loss" in line for line in lines)
        attempts.succeed(services.db, claim, epochs=[], best=factories.best(), exact=True, evaluations=[], artifacts=[])
        assert any("succeeded" in line for line in lines)
        assert list(lines)[-1:] in ([], [""])


def test_downloads_come_whole_and_in_part(front: Front, services: Services) -> None:
    """With their length, their checksum and what a client asks for of them."""
    job_id = factories.submit(services.db)
    claim = factories.claim(services.db, job_id)
    stored = services.storage.put(f"{job_id}/1/best.safetensors", CONTENT)
    artifact = factories.artifact(path=stored.path, sha256=stored.sha256, bytes=stored.bytes)
    told: dict[str, Any] = {"epochs": [factories.epoch_row(1)], "best": factories.best(), "exact": True}
    assert attempts.succeed(services.db, claim, **told, evaluations=[], artifacts=[artifact])
    path = f"/v1/jobs/{job_id}/artifacts/best.safetensors"
    with front.client() as client:
        whole = client.get(path)
        part = client.get(path, headers={"Range": "bytes=1000000-1000999"})
        again = client.get(path, headers={"If-None-Match": whole.headers["ETag"]})

    assert hashlib.sha256(whole.content).hexdigest() == stored.sha256
    assert (part.status_code, part.content) == (206, CONTENT[1_000_000:1_001_000])
    assert again.status_code == 304


def test_what_is_too_large_is_the_apis_own_to_say(front: Front) -> None:
    """As a problem, like every error."""
    with front.client() as client:
        refused = client.post("/v1/jobs", content=b" " * 2_000_000, headers={"Content-Type": "application/json"})

    assert refused.status_code == 413
    assert refused.json()["code"] == "payload_too_large"


def test_a_page_of_the_services_own_may_change_things(front: Front) -> None:
    """Its origin is the proxy's; a page of another origin may not."""
    with front.client() as client:
        own = client.post("/v1/jobs", json={"preset": "notebook-linear"}, headers={"Origin": front.proxy.url})
        other = client.post("/v1/jobs", json={}, headers={"Origin": "https://evil.example"})

    assert (own.status_code, other.status_code) == (201, 403)


def test_a_client_cannot_speak_for_the_proxy(front: Front) -> None:
    """What it says in the proxy's headers changes no link, and no name by which it asks."""
    forged = {"X-Forwarded-Prefix": "/evil", "X-Forwarded-Host": "evil.example", "X-Forwarded-For": "192.0.2.1"}
    with front.client() as client:
        created = client.post("/v1/jobs", json={"preset": "notebook-linear"}, headers=forged)

    assert created.status_code == 201
    assert created.headers["Location"].startswith(f"{front.path}/v1/jobs/")


def test_flightlines_own_client_works_through_it(front: Front, monkeypatch: pytest.MonkeyPatch) -> None:
    """By nothing but the address that people are given."""
    monkeypatch.setenv("SSL_CERT_FILE", str(front.proxy.certificate))
    with Client(front.url) as client:
        job = client.submit({"preset": "notebook-linear"})
        assert client.job(job.id).status == "queued"
        assert job.id in [one.id for one in client.jobs(limit=5)]
