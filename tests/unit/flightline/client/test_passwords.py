"""A password in FLIGHTLINE_URL opens the service, and is printed nowhere."""

from __future__ import annotations

import hashlib
import logging
import traceback
from pathlib import Path

import httpx
import pytest

from flightline import Client, UsageError
from flightline.client.addresses import split_url
from flightline.errors import FlightlineError
from tests.support.http_service import FakeService
from tests.unit.flightline.conftest import Run

PASSWORD = "S3/cr:3t@é"
QUOTED = "S3%2Fcr%3A3t%40%C3%A9"
SECRETS = ("S3", "cr:3t", "cr%3A3t", "UzMv")
"""Parts of the password as it is typed, quoted, decoded and sent."""

WORKING = [
    ["jobs"],
    ["jobs", "--json"],
    ["show", "last"],
    ["show", "last", "--json"],
    ["show", "last", "--part", "log"],
    ["watch", "last"],
    ["download", "last"],
    ["submit", "--preset", "notebook-linear"],
    ["submit", "--preset", "notebook-linear", "--watch"],
    ["workers"],
    ["queues", "--json"],
]


@pytest.fixture
def guarded(service: FakeService, monkeypatch: pytest.MonkeyPatch) -> FakeService:
    """A service behind a proxy that asks for a password, which the address has."""
    service.password = ("us er", PASSWORD)
    service.url = service.url.replace("://", f"://us%20er:{QUOTED}@")
    monkeypatch.setenv("FLIGHTLINE_URL", service.url)
    return service


def nothing_of_it(*texts: str) -> bool:
    """Whether no part of the password stands in the texts."""
    return not any(secret in text for secret in SECRETS for text in texts)


@pytest.mark.parametrize("command", WORKING, ids=" ".join)
def test_calls_that_succeed(
    run: Run,
    guarded: FakeService,
    command: list[str],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """The password is accepted, by streams and downloads too, and neither printed nor logged."""
    caplog.set_level(logging.DEBUG)
    monkeypatch.chdir(tmp_path)
    guarded.sha256 = hashlib.sha256(b"weights").hexdigest()
    guarded.add(status="succeeded", epoch=3)
    outcome = run(*command)
    assert outcome.code == 0, outcome
    assert nothing_of_it(outcome.out, outcome.err, caplog.text)


@pytest.mark.parametrize("command", WORKING, ids=" ".join)
@pytest.mark.parametrize("place", ["http://{}@127.0.0.1:9", "http://{}@127.0.0.1:9/fl?x", "{}@host", "ftp://{}@host"])
def test_calls_that_fail(run: Run, guarded: FakeService, command: list[str], place: str) -> None:
    """Nobody listens, or it is no address."""
    outcome = run("--url", place.format(f"user:{QUOTED}"), *command)
    assert outcome.code in {2, 4}
    assert nothing_of_it(outcome.out, outcome.err)


def test_a_wrong_password(run: Run, guarded: FakeService) -> None:
    """The proxy's refusal names the address without it."""
    guarded.password = ("us er", "another")
    outcome = run("jobs")
    assert (outcome.code, "/v1/jobs?sort=-created_at&limit=20 answered 401" in outcome.err) == (3, True)
    assert nothing_of_it(outcome.out, outcome.err)


@pytest.mark.parametrize(
    "url",
    [
        "http://user:S3/cr:3t@host",
        "http://user:12/S3@host",
        "http://user:S3#cr:3t@host:8470",
        "http://user:S3?cr:3t@host",
        "http://host/?token=S3",
        "http://host#S3",
        "http://host?token=a@S3",
        "http://host#a@S3",
        "http://user:pw@host/?token=S3",
        "http://user:pw@host#S3",
        "host/?token=S3",
        "S3?x//y@host",
        "http://user:S3@host:99999",
        "user:S3@host",
        "http://user:S3@[::",
        "http://user:S3\x00@host",
        "http://user:S3\udcff@host",
    ],
)
def test_an_address_that_cannot_be_read(url: str) -> None:
    """What may be a password is left out, of the errors behind the error too."""
    with pytest.raises(UsageError, match="is not a service URL, such as http") as caught:
        Client(url)
    assert nothing_of_it("".join(traceback.format_exception(caught.value)), repr(caught.value))


@pytest.mark.parametrize(
    "url, shown",
    [
        ("http://host:1/fl?token=S3", "'http://host:1/fl…'"),
        ("http://user:pw@host/#S3", "'http://…@host/…'"),
        ("http://host?token=a@S3", "'http://…'"),
    ],
)
def test_an_address_with_a_query_or_a_fragment(url: str, shown: str) -> None:
    """What is shown is the address, and that the rest has to go."""
    with pytest.raises(UsageError, match=r"Leave out a [?] or # behind the address") as caught:
        Client(url)
    assert caught.value.detail.startswith(f"{shown} is not a service URL")


@pytest.mark.parametrize("kind", [httpx.ConnectError, httpx.ReadTimeout, httpx.ReadError, httpx.RemoteProtocolError])
def test_tracebacks_and_representations(kind: type[httpx.TransportError]) -> None:
    """Of clients, and of errors with what caused them."""

    def fail(request: httpx.Request) -> httpx.Response:
        raise kind("broken", request=request)

    with Client(f"http://user:{QUOTED}@host:1/fl", transport=httpx.MockTransport(fail)) as client:
        assert client.base_url == "http://host:1/fl"
        assert nothing_of_it(repr(client), str(vars(client)))
        with pytest.raises(FlightlineError) as caught:
            client.job("abcdef")
    assert nothing_of_it("".join(traceback.format_exception(caught.value)), repr(caught.value))


def test_the_parts_of_an_address() -> None:
    """A user and a password are read as httpx reads them; an address without them has none."""
    assert split_url(f" http://us%20er:{QUOTED}@host:1/fl/ ") == ("http://host:1/fl", ("us er", PASSWORD))
    assert split_url("http://token@host") == ("http://host", ("token", ""))
    assert split_url("https://[::1]:8470") == ("https://[::1]:8470", None)
