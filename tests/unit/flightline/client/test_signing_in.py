"""What a client sends to sign in with, to whom, and what it says where that is not enough."""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from flightline import Client, Forbidden, TooManyRequests, Unauthenticated
from flightline.client.credentials import keep
from flightline.errors import ApiError, FlightlineError, NotReachable
from tests.support.http_service import FakeService, serving
from tests.support.http_team import TeamService

TOKEN = "fl_S3cret"


@pytest.fixture
def team(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[TeamService]:
    """A service that asks for tokens, on a machine that has stored none."""
    service = TeamService()
    service.tokens = {TOKEN: ("ada", "submit"), "fl_reader": ("bob", "read")}
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    with serving(service):
        yield service


def answering(*answers: httpx.Response | Exception) -> tuple[httpx.MockTransport, list[httpx.Request]]:
    """A service that gives these answers, one after another; and what it was asked."""
    requests: list[httpx.Request] = []
    given = iter(answers)

    def answer(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        found = next(given)
        if isinstance(found, Exception):
            raise found
        return found

    return httpx.MockTransport(answer), requests


def test_every_request_carries_the_token(team: TeamService, monkeypatch: pytest.MonkeyPatch) -> None:
    """Calls, files and streams: from the argument, from the variable, or as stored for this very URL."""
    job = team.add(status="succeeded", epoch=3)["id"]
    keep(team.url, TOKEN)
    for chosen, token in ((None, TOKEN), ("fl_reader", "fl_reader")):
        with Client(team.url, token=chosen) as client:
            assert len(list(client.events(job))) == 6
            assert client.model(job).content == b"weights"
            assert client.whoami().owner == team.tokens[token][0]
    monkeypatch.setenv("FLIGHTLINE_TOKEN", "fl_reader")
    with Client(team.url) as client:
        assert client.whoami().scope == "read"
    assert set(team.authorizations) == {f"Bearer {TOKEN}", "Bearer fl_reader"}


def test_a_token_of_another_service_stays_here(team: TeamService) -> None:
    """Stored for the same host with another port, nothing is sent."""
    keep(f"{team.url}0", TOKEN)
    with Client(team.url) as client, pytest.raises(Unauthenticated) as caught:
        client.job("abcdef")
    assert team.authorizations == [None]
    assert f"Sign in with `flightline login {team.url}`, or set FLIGHTLINE_TOKEN." in caught.value.detail
    assert "was sent" not in caught.value.detail


def test_a_refused_token_is_named_by_its_place(team: TeamService, monkeypatch: pytest.MonkeyPatch) -> None:
    """Most often a forgotten variable, which signing in does not change; the token itself is not shown."""

    def refusal(token: str | None = None) -> str:
        with Client(team.url, token=token) as client, pytest.raises(Unauthenticated) as caught:
            client.job("abcdef")
        assert "fl_forgotten" not in "".join(traceback.format_exception(caught.value))
        return caught.value.detail

    keep(team.url, "fl_forgotten")
    stored = refusal()
    assert stored.endswith(f"credentials was sent. Store another with `flightline login {team.url}`.")
    assert refusal("fl_forgotten").endswith("The token of Client(token=…) was sent. Pass another.")
    monkeypatch.setenv("FLIGHTLINE_TOKEN", "fl_forgotten")
    variable = refusal()
    assert "The token of FLIGHTLINE_TOKEN was sent. Set FLIGHTLINE_TOKEN to another, or unset it" in variable


def test_too_small_a_scope(team: TeamService) -> None:
    """The service says which one it takes."""
    with Client(team.url, token="fl_reader") as client, pytest.raises(Forbidden) as caught:
        client.submit("notebook-linear")
    assert (caught.value.code, caught.value.detail) == (
        "insufficient_scope",
        "This takes a token with the scope `submit`.",
    )


def test_a_scope_that_only_the_header_names() -> None:
    """As RFC 6750 has it, from a proxy that signs people in."""
    challenge = {"WWW-Authenticate": 'Bearer realm="x", error="insufficient_scope", scope="admin"'}
    transport, _ = answering(httpx.Response(403, headers=challenge, json={"detail": "No."}))
    with Client("http://service", transport=transport) as client, pytest.raises(Forbidden) as caught:
        client.job("abcdef")
    assert caught.value.detail == "No. It takes a token with the scope admin."


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize(
    "location, named",
    [
        ("https://service.example/fl/v1/jobs/abcdef", "to https://service.example/fl,"),
        ("https://user:pw@service.example/v1/jobs/abcdef?token=S3cret", "to https://service.example,"),
        ("https://elsewhere.example/sign-in", "to https://elsewhere.example/sign-in,"),
        ("/v2/jobs/abcdef", "to http://service/v2/jobs/abcdef,"),
    ],
)
def test_redirects_are_not_followed(status: int, location: str, named: str) -> None:
    """The token would go with them: whoever may be trusted is for a person to say."""
    transport, requests = answering(httpx.Response(status, headers={"Location": location}))
    with Client("http://service", token=TOKEN, transport=transport) as client, pytest.raises(ApiError) as caught:
        client.job("abcdef")
    assert len(requests) == 1
    assert named in caught.value.detail
    assert "S3cret" not in str(caught.value)
    assert "pw" not in str(caught.value)


def test_streams_and_files_follow_no_redirect_either() -> None:
    """A redirect is no event stream, and no file."""
    for call in (lambda client: list(client.events("0" * 36)), lambda client: client.model("0" * 36)):
        transport, requests = answering(httpx.Response(307, headers={"Location": "https://elsewhere/"}))
        with Client("http://service", token=TOKEN, transport=transport) as client, pytest.raises(ApiError):
            call(client)
        assert len(requests) == 1


def limited(after: str | None = "0", **problem: object) -> httpx.Response:
    """A service whose limit is reached."""
    headers = {} if after is None else {"Retry-After": after}
    return httpx.Response(429, headers=headers, json={"code": "too_many_requests", "detail": "Slowly."} | problem)


class TestLimits:
    @pytest.fixture(autouse=True)
    def pauses(self, monkeypatch: pytest.MonkeyPatch) -> list[float]:
        """How long each pause would have been."""
        slept: list[float] = []
        monkeypatch.setattr("flightline.client.retry.RETRY_SECONDS", 0.5)
        monkeypatch.setattr("flightline.client.transport.time.sleep", slept.append)
        return slept

    def test_a_pause_that_is_asked_for_is_made(self, pauses: list[float], caplog: pytest.LogCaptureFixture) -> None:
        """The same request goes out again, under the same key; whoever waits for long reads why."""
        job = httpx.Response(201, json=FakeService().add(name="mine"))
        transport, requests = answering(limited("1"), limited("12"), job)
        with Client("http://service", transport=transport) as client:
            assert client.submit("notebook-linear").name == "mine"
        assert pauses == [1.0, 12.0]
        assert len({(request.headers["Idempotency-Key"], request.content) for request in requests}) == 1
        assert [record.getMessage() for record in caplog.records if record.name == "flightline"] == [
            "The service limits its requests: going on in 12 s."
        ]

    def test_a_stream_waits_too(self, pauses: list[float]) -> None:
        """Nothing of it has been read yet."""
        transport, _ = answering(limited("1"), httpx.Response(204))
        with Client("http://service", transport=transport) as client:
            assert list(client.events("0" * 36)) == []
        assert pauses == [1.0]

    @pytest.mark.parametrize(
        "answer",
        [
            limited("61"),
            limited(None),
            limited("soon"),
            limited("1", retryable=False),
            limited("60", code="too_many_queued_jobs"),
            limited("3", code="too_many_failed_sign_ins"),
        ],
    )
    def test_what_a_pause_does_not_help_is_an_error(self, pauses: list[float], answer: httpx.Response) -> None:
        """A limit for hours, one that the service does not date, and one of jobs, not of requests."""
        transport, _ = answering(answer)
        with Client("http://service", transport=transport) as client, pytest.raises(TooManyRequests, match="Slowly"):
            client.job("abcdef")
        assert pauses == []

    def test_patience_ends(self, pauses: list[float]) -> None:
        """After a minute in all, also where the service always says that there is room at once."""
        transport, _ = answering(*[limited("25")] * 3)
        with Client("http://service", transport=transport) as client, pytest.raises(TooManyRequests) as caught:
            client.job("abcdef")
        assert (pauses, caught.value.retry_after) == ([25.0, 25.0], 25.0)
        transport, _ = answering(*[limited("0")] * 200)
        with Client("http://service", transport=transport) as client, pytest.raises(TooManyRequests):
            client.job("abcdef")
        assert sum(pauses[2:]) <= 60.0


@pytest.mark.parametrize("kind", [httpx.ConnectError, httpx.ReadTimeout, httpx.ReadError])
def test_nothing_shows_the_token(kind: type[Exception], caplog: pytest.LogCaptureFixture) -> None:
    """No repr, no traceback, no log, whatever becomes of the request."""
    caplog.set_level(logging.DEBUG)
    transport, _ = answering(kind("broken"))
    with Client("http://service", token=TOKEN, transport=transport) as client:
        with pytest.raises(NotReachable) as caught:
            client.job("abcdef")
        shown = [repr(client), str(vars(client)), repr(vars(client._calls)), repr(vars(client._calls._transport))]
    shown += ["".join(traceback.format_exception(caught.value)), repr(caught.value), caplog.text]
    assert not any("S3cret" in text for text in shown)


def test_asyncio_does_the_same(team: TeamService) -> None:
    """The token is sent, and its refusal raised."""
    from flightline import AsyncClient

    async def ask(token: str | None) -> str:
        async with AsyncClient(team.url, token=token) as client:
            return str((await client.whoami()).owner)

    assert asyncio.run(ask(TOKEN)) == "ada"
    with pytest.raises(FlightlineError, match="flightline login"):
        asyncio.run(ask(None))
