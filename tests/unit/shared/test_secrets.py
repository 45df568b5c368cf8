"""The secrets of tokens and sessions."""

from __future__ import annotations

import re

import pytest

from shared import wire
from shared.people import secrets


def test_a_token_is_what_the_documentation_says() -> None:
    """`fl_` and 43 characters of base64url, new each time."""
    tokens = {secrets.new_token() for _ in range(100)}
    assert len(tokens) == 100
    assert all(re.fullmatch(secrets.FORM, token) and secrets.is_token(token) for token in tokens)


def test_a_token_is_no_session_and_a_session_no_token() -> None:
    """Their forms differ."""
    token, session = secrets.new_token(), secrets.new_session()
    assert (secrets.is_token(session), secrets.is_session(token)) == (False, False)
    assert secrets.is_session(session)


@pytest.mark.parametrize("text", ["", "fl_", f"fl_{'a' * 42}", f"fl_{'a' * 44}", f"fl_{'a' * 43}\n", f"fl_{'ä' * 43}"])
def test_what_has_another_form_is_none(text: str) -> None:
    """Before anybody looks it up."""
    assert not secrets.is_token(text)
    assert not secrets.is_session(text)


def test_digests_are_compared_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the function whose time does not tell where they differ."""
    first, second = (secrets.digest(secrets.new_token()) for _ in range(2))
    assert secrets.same(first, first)
    assert not secrets.same(first, second)
    monkeypatch.setattr("hmac.compare_digest", lambda *pair: pair == (first, second))
    assert secrets.same(first, second)


def test_no_repr_shows_a_token_that_was_made() -> None:
    """What the API answers with is printed by chance, too."""
    token = secrets.new_token()
    made = wire.NewToken(
        id="1", owner="alice", scope="read", created_at="", expires_at=None, last_used_at=None, token=token
    )
    assert token not in repr(made)
    assert "alice" in repr(made)
    assert made.token == token
