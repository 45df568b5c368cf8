"""Secrets in text that a library or a user wrote."""

from __future__ import annotations

import pytest

from shared.errors import StorageUnavailable
from shared.redaction import is_secret, redacted
from shared.settings import Settings


@pytest.mark.parametrize(
    "text, told",
    [
        ("redis://:s3cret@host:6379/0 refused", "redis://***@host:6379/0 refused"),
        ("postgresql+psycopg://me:pa@ss@host/db", "postgresql+psycopg://***@host/db"),
        ("GET https://b/k?X-Amz-Signature=abc&X-Amz-Date=1", "GET https://b/k?X-Amz-Signature=***&X-Amz-Date=1"),
        ("https://b/k?sig=a%2Bb", "https://b/k?sig=***"),
        ("Authorization: Bearer abcdefghijklmnopqrst", "Authorization: Bearer ***"),
        ("token fl_" + "a" * 43 + " is unknown", "token fl_*** is unknown"),
        ("signed with whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "signed with whsec_***"),
    ],
)
def test_secrets_are_replaced(text: str, told: str) -> None:
    """What surrounds them stays, so that the line still says what happened."""
    assert redacted(text) == told


@pytest.mark.parametrize(
    "text",
    [
        "a@b.example sent it",
        "http://127.0.0.1:8470/v1/jobs?token_count=3",
        "basic training of 3 networks",
        "the token is missing",
        "Bearer of bad news",
        "/home/me@work/data = 3",
        "flightline_jobs fl_short",
    ],
)
def test_other_text_stays_as_it_is(text: str) -> None:
    """Words that only look like the name of a secret hide nothing."""
    assert redacted(text) == text


def test_names_that_hold_secrets() -> None:
    """Whatever their values look like."""
    assert all(map(is_secret, ["password", "Authorization", "Set-Cookie", "api_key", "webhook_secret", "token"]))
    assert not any(map(is_secret, ["job", "tokens", "token_id", "path", "keyboard"]))


def test_errors_quote_no_secret() -> None:
    """A library's message that one of ours passes on goes to a user and into the job's row."""
    error = StorageUnavailable("https://me:s3cret@store/k?X-Amz-Credential=abc does not answer.")

    assert str(error) == error.detail == "https://***@store/k?X-Amz-Credential=*** does not answer."
    assert "s3cret" not in repr(error)


def test_settings_show_no_password() -> None:
    """Wherever a setting holds one."""
    urls = {"database_url": "postgresql://me:s3cret@host/db", "redis_url": "redis://:s3cret@host"}
    settings = Settings.model_validate({**urls, "artifacts_url": "https://me:s3cret@store/artifacts"})

    assert "s3cret" not in f"{settings!r} {settings}"
    assert "store/artifacts" in repr(settings)
