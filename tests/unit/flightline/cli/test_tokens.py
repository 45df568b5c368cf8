"""`flightline token` on the database of this machine's settings, where no service is named."""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from api.http.access.authentication import Authentication, Credential, Kind
from flightline.client.records import NewToken
from shared.database.engine import Database
from shared.jobs.actor import Actor, Scope
from tests.unit.flightline.conftest import Outcome, Run

SECRET = re.compile(r"fl_[A-Za-z0-9_-]{43}")


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A home that is not there yet."""
    monkeypatch.setenv("FLIGHTLINE_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def process(home: Path, run: Run) -> Iterator[Authentication]:
    """An API over its database."""
    assert run("migrate").code == 0
    db = Database(f"sqlite:///{home / 'flightline.db'}")
    yield Authentication(db, required=True)
    db.dispose()


def create(run: Run, *options: str) -> Outcome:
    """Make a token of alice's."""
    outcome = run("token", "create", "--owner", "alice", *options)
    assert outcome.code == 0, outcome.err
    return outcome


def test_the_first_is_made_before_anything_was_started(run: Run, home: Path) -> None:
    """The database is made with it; the secret alone is on standard output, for `$(…)`."""
    outcome = create(run, "--scope", "admin")
    assert SECRET.fullmatch(outcome.out.strip())
    assert "of alice, scope admin. Keep it" in outcome.err
    assert not SECRET.search(outcome.err)
    assert (home / "flightline.db").exists()


@pytest.mark.parametrize("scope", Scope)
def test_the_api_accepts_it(run: Run, process: Authentication, scope: Scope) -> None:
    """With its owner and scope."""
    made = create(run, "--scope", scope, "--json").json
    actor = process.identify(Credential(Kind.BEARER, made["token"]))
    assert actor == Actor("alice", scope, made["id"])


def test_they_are_listed_without_their_secrets_and_revoked(run: Run) -> None:
    """By their ids."""
    first, second = create(run, "--json").json, create(run, "--expires", "90d", "--json").json
    table = run("token", "list").out
    assert table.splitlines()[0].endswith("EXPIRES (UTC)")
    assert [first["token"] in table, second["token"] in table] == [False, False]
    assert re.search(rf"^{first['id']} +alice +submit .+ never$", table, re.MULTILINE)
    assert re.search(rf"^{second['id']} +alice +submit .+ {second['expires_at'][:10]} [0-9:]+$", table, re.MULTILINE)

    assert run("token", "revoke", first["id"]).out == f"Token {first['id']} is revoked.\n"
    assert [one["id"] for one in run("token", "list", "--json").json["items"]] == [second["id"]]
    again = run("token", "revoke", first["id"])
    assert again.code == 3
    assert "There is no token with this id" in again.err
    assert run("token", "revoke", second["id"], "--json").json == {"id": second["id"], "revoked": True}
    assert "Make the first" in run("token", "list").err


@pytest.mark.parametrize("text, seconds", [("30m", 1800), ("12h", 43_200), ("90d", 7_776_000), (" 2w ", 1_209_600)])
def test_a_time_is_a_number_and_a_unit(run: Run, monkeypatch: pytest.MonkeyPatch, text: str, seconds: int) -> None:
    """Minutes, hours, days or weeks."""
    asked: list[int | None] = []

    def create_token(_table: object, owner: str, scope: str, *, expires_seconds: int | None) -> NewToken:
        asked.append(expires_seconds)
        return NewToken({"id": "1", "owner": owner, "scope": scope, "expires_at": None, "token": "fl_"})

    monkeypatch.setattr("flightline.stack.database.TokenTable.create_token", create_token)
    create(run, "--expires", text)
    assert asked == [seconds]


@pytest.mark.parametrize(
    "options, said",
    [
        (["--owner", "Alice"], "owner"),
        (["--owner", ""], "owner"),
        (["--owner", "a", "--expires", "soon"], "such as 90d or 12h"),
        (["--owner", "a", "--expires", "0d"], "such as 90d or 12h"),
        (["--owner", "a", "--expires", "99999999d"], "at most 3660d, and without --expires for ever"),
        (["--owner", "a", "--expires", "523w"], "at most 522w"),
        (["--owner", "a", "--scope", "all"], "scope"),
        ([], "--owner"),
    ],
)
def test_a_wrong_request_makes_none(run: Run, options: list[str], said: str) -> None:
    """Exit code 2, and a message that says what would be right."""
    outcome = run("token", "create", *options)
    assert outcome.code == 2
    assert said in outcome.err
    assert "Traceback" not in outcome.err
    assert run("token", "list", "--json").json["items"] == []


def test_a_token_is_no_id(run: Run) -> None:
    """Whoever writes the secret as an argument is told what that means, and the secret is not repeated."""
    secret = create(run).out.strip()
    outcome = run("token", "revoke", secret)
    assert outcome.code == 2
    assert secret not in outcome.err + outcome.out
    assert "as an argument others on this machine may have read it" in outcome.err


@pytest.mark.parametrize("name, value", [("FLIGHTLINE_URL", "http://127.0.0.1:9"), ("FLIGHTLINE_TOKEN", "fl_x")])
def test_where_a_service_is_named_it_is_asked(
    run: Run, monkeypatch: pytest.MonkeyPatch, home: Path, name: str, value: str
) -> None:
    """And no database of this machine is touched."""
    monkeypatch.setenv("FLIGHTLINE_PORT", "9")
    monkeypatch.setenv(name, value)
    assert run("token", "list").code == 4
    assert not home.exists()


def test_no_repr_shows_a_secret(run: Run) -> None:
    """Of what the client's call returns."""
    made = NewToken(create(run, "--json").json)
    assert made.token not in repr(made)
    assert made.id in repr(made)


@pytest.mark.parametrize("owner", ["", "bob smith", "Bob", "b" * 40])
def test_a_name_that_is_none_is_told_in_words(run: Run, owner: str) -> None:
    """What it may be made of, and no regular expression."""
    outcome = run("token", "create", "--owner", owner)
    assert (outcome.code, outcome.out) == (2, "")
    assert "owner must be 1 to 39 lower-case letters, digits" in outcome.err
    assert "pattern" not in outcome.err


def test_an_expired_one_is_told_from_the_others(run: Run, process: Authentication) -> None:
    """In the list, which does not make its reader compare times."""
    made = create(run, "--expires", "1m", "--json").json
    with sqlite3.connect(os.environ["FLIGHTLINE_HOME"] + "/flightline.db") as connection:
        connection.execute("UPDATE tokens SET expires_at = created_at")
    assert re.search(rf"^{made['id']} .+ expired$", run("token", "list").out, re.MULTILINE)
