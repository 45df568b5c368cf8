"""Signing in to a service by the command: the token is typed or piped, kept for one URL, and shown nowhere."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from flightline.client.credentials import credential, credentials_file
from tests.support.http_service import problem, serving
from tests.support.http_team import TeamService
from tests.support.terminals import Terminal
from tests.unit.flightline.conftest import Run

TOKEN = "fl_S3cret"


@pytest.fixture
def team(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[TeamService]:
    """A service that asks for tokens, on a machine that has stored none."""
    service = TeamService()
    service.tokens = {TOKEN: ("ada", "submit")}
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("FLIGHTLINE_HOME", str(tmp_path))
    with serving(service):
        monkeypatch.setenv("FLIGHTLINE_URL", service.url)
        yield service


def piped(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """Put a text on standard input."""
    monkeypatch.setattr(sys, "stdin", io.StringIO(text))


def test_from_sign_in_to_sign_out(team: TeamService, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """In between every command is somebody's; nothing that is printed has the token."""
    refused = run("jobs")
    assert (refused.code, refused.err.startswith(f"Error: {team.url} asks for a token. Sign in with")) == (3, True)
    assert "Authorization" not in refused.err
    piped(monkeypatch, f"{TOKEN}\n")
    signed_in = run("login", "--token-stdin")
    assert signed_in.code == 0, signed_in
    assert f"Signed in to {team.url} as ada, with the scope submit." in signed_in.out
    assert credentials_file().stat().st_mode & 0o777 == 0o600
    me = run("whoami")
    assert me.out.split() == [
        *("service", team.url, "owner", "ada", "scope", "submit"),
        *("token", "t1,", "from", str(credentials_file()), "expires", "never"),
    ]
    assert run("whoami", "--json").json["owner"] == "ada"
    assert "ada has no job yet, and `last` is one's own newest job." in run("show", "last").err
    assert run("submit", "--preset", "notebook-linear").code == 0
    signed_out = run("logout")
    assert "not revoked" in signed_out.out
    assert run("jobs").code == 3
    assert "There is no token" in run("logout").out
    assert not any(TOKEN in text for one in (signed_in, me, signed_out) for text in (one.out, one.err))


def test_json(team: TeamService, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """For programs: who one is, and what became of it."""
    piped(monkeypatch, TOKEN)
    assert run("login", team.url, "--token-stdin", "--json").json == {
        "url": team.url,
        "owner": "ada",
        "scope": "submit",
        "token_id": "t1",
        "expires_at": None,
        "authentication": True,
    }
    assert run("logout", team.url, "--json").json == {"url": team.url, "removed": True}
    assert run("logout", team.url, "--json").json == {"url": team.url, "removed": False}


@pytest.mark.parametrize(
    "text, code, said",
    [
        ("fl_wrong", 3, "does not accept this token. This takes a token. Nothing was stored."),
        ("", 2, "Standard input holds no token"),
        ("two words", 2, "Standard input holds more than one word or line: pass the token alone."),
        (f"{TOKEN}\n{TOKEN}\n", 2, "Standard input holds more than one word or line: pass the token alone."),
        ("fl_é", 2, "Standard input holds no token"),
    ],
)
def test_what_is_not_accepted_is_not_stored(
    team: TeamService, run: Run, monkeypatch: pytest.MonkeyPatch, text: str, code: int, said: str
) -> None:
    """Neither a token of somebody else nor something that is none."""
    piped(monkeypatch, text)
    outcome = run("login", "--token-stdin")
    assert (outcome.code, said in outcome.err, credentials_file().exists()) == (code, True, False)
    assert text == "" or text not in outcome.out + outcome.err


def test_without_a_terminal_it_asks_nobody(team: TeamService, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A script is told what to write; its input is not taken for a token."""
    piped(monkeypatch, TOKEN)
    outcome = run("login")
    assert (outcome.code, "--token-stdin" in outcome.err, team.requests) == (2, True, [])


@pytest.mark.parametrize("missing", [False, True])
def test_a_service_that_asks_for_no_token(
    team: TeamService, run: Run, monkeypatch: pytest.MonkeyPatch, missing: bool
) -> None:
    """While authentication is off, and of a release before there were tokens: nothing is stored."""
    team.tokens = {}
    if missing:
        team.refuse["GET /v1/whoami"] = problem(404, "not_found", "Nothing here.")
    piped(monkeypatch, TOKEN)
    outcome = run("login", "--token-stdin")
    assert (outcome.code, "asks for no token" in outcome.err) == (2, True)
    assert credential(team.url) is None
    if not missing:
        assert "this service asks for no token" in run("whoami").out


def test_a_password_in_the_url_is_no_place_for_a_token(team: TeamService, run: Run) -> None:
    """It would be stored beside a URL that opens a proxy."""
    outcome = run("login", team.url.replace("://", "://user:pw@"))
    assert (outcome.code, "Leave the user and the password out" in outcome.err) == (2, True)
    assert "pw" not in outcome.err


def test_what_keeps_the_token_from_being_used(team: TeamService, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another service that commands talk to, and a variable that comes first, are told at once."""
    monkeypatch.setenv("FLIGHTLINE_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("FLIGHTLINE_TOKEN", "fl_other")
    piped(monkeypatch, TOKEN)
    outcome = run("login", team.url, "--token-stdin")
    assert outcome.code == 0
    assert f"export FLIGHTLINE_URL={team.url}" in outcome.err
    assert "FLIGHTLINE_TOKEN is set" in outcome.err


def test_signing_in_elsewhere_while_no_stack_runs_here(
    team: TeamService, run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The home of a stopped stack is no service; that is a remark, and no failure of what was done."""
    (tmp_path / "stack.lock").touch()
    monkeypatch.delenv("FLIGHTLINE_URL")
    piped(monkeypatch, TOKEN)
    outcome = run("login", team.url, "--token-stdin")
    assert (outcome.code, f"find no service. For this one: export FLIGHTLINE_URL={team.url}" in outcome.err) == (
        0,
        True,
    )


def test_a_token_is_typed_without_an_echo(team: TeamService, tmp_path: Path) -> None:
    """On a terminal it is asked for; what the terminal shows has no letter of it."""
    variables = {**os.environ, "NO_COLOR": "1", "HOME": str(tmp_path)}
    terminal = Terminal([sys.executable, "-m", "flightline", "login", team.url], variables)
    try:
        terminal.wait_for(lambda drawn: f"Token for {team.url}: " in drawn, "the question")
        terminal.type(f"{TOKEN}\n")
        assert terminal.end() == 0, terminal.drawn
        assert "Signed in" in terminal.drawn
        assert "S3cret" not in terminal.drawn
    finally:
        terminal.close()
    assert credential(team.url) is not None
