"""The client and the API: over a connection that loses an answer, and jobs that are submitted again."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import httpx
import pytest

from api.app import create_app
from api.services import Services
from flightline import Client
from shared.jobspec.presets import PRESETS
from shared.settings import Settings
from tests.support import factories


class Losing(httpx.BaseTransport):
    """Passes requests on to an application, and loses the first answer."""

    def __init__(self, inner: httpx.BaseTransport) -> None:
        self._inner = inner
        self.lost = 0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """The application's answer, if it arrives."""
        response = self._inner.handle_request(request)
        if not self.lost:
            self.lost += 1
            raise httpx.RemoteProtocolError("Server disconnected without sending a response.")
        return response


@pytest.fixture
def services(settings: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch) -> Iterator[Services]:
    """What an API works with, over a database of its own; its client asks again without a pause."""
    monkeypatch.setattr("flightline.client.retry.RETRY_SECONDS", 0.0)
    built = Services.build(settings())
    yield built
    built.broker.close()
    built.db.dispose()


def stored(services: Services) -> list[str]:
    """The ids of all jobs."""
    return [str(job["id"]) for job in factories.listed(services.db)]


def test_a_lost_answer_makes_no_second_job(services: Services) -> None:
    """The service had stored the job: the client asks again, and is told of that one."""
    transport = Losing(httpx.WSGITransport(create_app(services=services)))

    with Client("http://localhost", transport=transport) as client:
        job = client.submit("notebook-linear", name="once")

    assert (transport.lost, stored(services), job.name) == (1, [job.id], "once")


def test_a_lost_answer_makes_no_second_retry(services: Services) -> None:
    """The same of a job that is submitted again."""
    application = httpx.WSGITransport(create_app(services=services))
    with Client("http://localhost", transport=application) as client:
        first = client.cancel(client.submit("notebook-linear").id)
    transport = Losing(application)

    with Client("http://localhost", transport=transport) as client:
        job = client.retry(first.id)

    assert (transport.lost, sorted(stored(services)), job.retry_of) == (1, sorted([first.id, job.id]), first.id)


@pytest.mark.parametrize("preset", list(PRESETS))
def test_a_retry_with_changes_asks_for_what_was_asked_for(services: Services, preset: str) -> None:
    """But for the changes: it names the preset, and nothing of this gets in."""
    with Client("http://localhost", transport=httpx.WSGITransport(create_app(services=services))) as client:
        first = client.submit(preset, training={"epochs": 3, "optimizer": {"kind": "adam", "lr": 0.1}})
        again = client.retry(first.id, training={"epochs": 2})
    assert (again.preset, again.retry_of) == (preset, None)
    changed = first.raw["spec"]["training"] | {"epochs": 2}
    assert again.raw["spec"] == first.raw["spec"] | {"training": changed}
    assert again.config_hash != first.config_hash
