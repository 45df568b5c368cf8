"""Whom a credential belongs to, as one process of several remembers it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from api.http.access import authentication
from api.http.access.authentication import Authentication, Credential, Kind
from api.http.access.token_uses import TokenUses
from api.http.errors import Unauthenticated
from shared.database.engine import Database
from shared.jobs.actor import Actor, Scope
from shared.people import identities, sessions, tokens
from tests.conftest import Jump
from tests.support import people
from tests.support.fakes import FlakyDatabase


class Clock:
    """A clock that stands until it is moved."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    """The clock of the process."""
    return Clock()


@pytest.fixture
def process(database: Database, clock: Clock) -> Authentication:
    """What a process of the API knows."""
    return Authentication(database, required=True, clock=clock)


def refused(process: Authentication, credential: Credential) -> str:
    """Why a credential is not accepted."""
    with pytest.raises(Unauthenticated) as error:
        process.identify(credential)
    assert credential.secret not in error.value.detail
    return error.value.detail


def test_a_secret_belongs_to_the_tokens_owner(process: Authentication, database: Database) -> None:
    """A session's too."""
    token, token_id = people.token(database, "bob", Scope.READ)
    for credential in (Credential(Kind.BEARER, token), Credential(Kind.COOKIE, sessions.begin(database, token_id))):
        assert process.identify(credential) == Actor("bob", Scope.READ, token_id)


def test_neither_secret_stands_for_the_other(process: Authentication, database: Database) -> None:
    """A cookie with a token in it is no session, a token that is a session's secret no token."""
    token, token_id = people.token(database)
    session = sessions.begin(database, token_id)
    for kind, secret in ((Kind.COOKIE, token), (Kind.COOKIE, f"fl_session_{token[3:]}"), (Kind.BEARER, session)):
        refused(process, Credential(kind, secret))
    refused(process, Credential(Kind.BEARER, session.replace("session_", "")))


@pytest.mark.parametrize("kind", Kind)
def test_a_revoked_token_is_refused_by_other_processes_within_five_seconds(
    process: Authentication, database: Database, clock: Clock, kind: Kind
) -> None:
    """They remember whom a secret belongs to for that long, and the one that was asked to revoke it forgets at once."""
    token, token_id = people.token(database)
    credential = Credential(kind, token if kind is Kind.BEARER else sessions.begin(database, token_id))
    process.identify(credential)
    tokens.revoke(database, token_id)

    assert process.still_holds(credential)
    clock.now += authentication.REMEMBERED_SECONDS
    assert authentication.REMEMBERED_SECONDS < 5
    assert not process.still_holds(credential)
    refused(process, credential)


def test_what_expires_is_not_remembered_beyond_that(
    process: Authentication, database: Database, clock: Clock, jump: Jump
) -> None:
    """However lately it was used."""
    token, _ = people.token(database, expires_seconds=2)
    credential = Credential(Kind.BEARER, token)
    process.identify(credential)
    clock.now += 2.1
    jump(2.1)
    assert "expired" in refused(process, credential)


def test_a_secret_is_looked_up_once_in_a_while(
    process: Authentication, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not for every request; an unknown one every time, as it may be anybody's."""
    asked: list[str] = []

    def of_token(db: Database, secret: str, found: Callable[..., object] = identities.of_token) -> object:
        asked.append(secret)
        return found(db, secret)

    monkeypatch.setattr(identities, "of_token", of_token)
    token, _ = people.token(database)
    for _ in range(20):
        process.identify(Credential(Kind.BEARER, token))
    assert asked == [token]
    unknown = f"fl_{'x' * 43}"
    for _ in range(2):
        refused(process, Credential(Kind.BEARER, unknown))
    assert asked == [token, unknown, unknown]


def test_not_too_many_are_remembered(
    process: Authentication, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All are looked up again then."""
    monkeypatch.setattr(authentication, "MOST_REMEMBERED", 3)
    secrets = [people.token(database)[0] for _ in range(5)]
    for secret in secrets * 2:
        process.identify(Credential(Kind.BEARER, secret))
        assert len(process._remembered) <= 3


def test_no_secret_is_kept(process: Authentication, database: Database) -> None:
    """Neither in memory nor in the database: digests are."""
    token, token_id = people.token(database)
    session = sessions.begin(database, token_id)
    process.identify(Credential(Kind.BEARER, token))
    process.identify(Credential(Kind.COOKIE, session))
    kept = repr(process._remembered) + repr(people.rows(database))
    assert token not in kept
    assert token[3:] not in kept
    assert session not in kept
    assert "alice" in kept


def last_used(db: Database) -> str | None:
    """When the only token was last used, as far as that is recorded."""
    [token] = tokens.tokens(db)
    return token.last_used_at


def test_the_last_use_is_recorded_at_most_once_a_minute(
    process: Authentication, database: Database, clock: Clock, jump: Jump
) -> None:
    """By the database's clock, and by a thread: no request waits for it."""
    credential = Credential(Kind.BEARER, people.token(database)[0])

    def use_after(seconds: float) -> str | None:
        jump(seconds)
        clock.now += seconds
        process.identify(credential)
        process.uses.record()
        return last_used(database)

    process.identify(credential)
    assert last_used(database) is None
    first = use_after(0)
    assert first is not None
    assert use_after(tokens.USED_SECONDS - 5) == first
    assert use_after(10) != first


def test_a_use_that_cannot_be_recorded_waits(sqlite_url: str) -> None:
    """An outage of the database loses none."""
    database = FlakyDatabase(sqlite_url)
    process = Authentication(database, required=True)
    process.identify(Credential(Kind.BEARER, people.token(database)[0]))
    database.away = True
    process.uses.record()
    database.away = False
    assert last_used(database) is None
    process.uses.record()
    assert last_used(database) is not None
    database.dispose()


def test_the_thread_goes_on_after_a_failure(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Until it is stopped."""
    uses, waits = TokenUses(database), iter([False, False, True])
    calls: list[str] = []

    def fail() -> None:
        calls.append("recorded")
        raise RuntimeError

    monkeypatch.setattr(uses, "record", fail)
    uses.run_until(lambda _seconds: next(waits))
    assert len(calls) == 2


def test_sessions_that_are_over_are_deleted(database: Database, jump: Jump) -> None:
    """When another one begins."""
    _, token_id = people.token(database)
    sessions.begin(database, token_id)
    jump(sessions.LIFE_SECONDS + 1)
    sessions.begin(database, token_id)
    assert len(people.rows(database)["sessions"]) == 1
