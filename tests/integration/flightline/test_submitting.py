"""The client and the API over a connection that loses an answer."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest

from api.app import create_app
from api.services import Services
from flightline import Client
from shared import listing
from shared.settings import Settings


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


def test_a_lost_answer_makes_no_second_job(settings: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch) -> None:
    """The service had stored the job: the client asks again, and is told of that one."""
    monkeypatch.setattr("flightline.patience.RETRY_SECONDS", 0.0)
    services = Services.build(settings())
    transport = Losing(httpx.WSGITransport(create_app(services=services)))

    with Client("http://service", transport=transport) as client:
        job = client.submit("notebook-linear", name="once")

    stored = listing.jobs(services.db, listing.JobFilter()).items
    assert (transport.lost, [one["id"] for one in stored], job.name) == (1, [job.id], "once")
    services.broker.close()
    services.db.dispose()
