"""The secrets of tokens and sessions: how they are made, and the digest that alone is stored."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets

_BYTES = 32
FORM = r"^fl_[A-Za-z0-9_-]{43}$"
"""What a token looks like: ``fl_`` and 256 random bits in base64url."""
_TOKEN = re.compile(FORM.strip("^$"), re.ASCII)
_SESSION = re.compile("fl_session_[A-Za-z0-9_-]{43}", re.ASCII)


def new_token() -> str:
    """Return a new token's secret."""
    return f"fl_{secrets.token_urlsafe(_BYTES)}"


def new_session() -> str:
    """Return a new session's secret, which is no token: ``fl_session_`` and 256 random bits in base64url."""
    return f"fl_session_{secrets.token_urlsafe(_BYTES)}"


def is_token(text: str) -> bool:
    """Whether a text has the form of a token's secret."""
    return _TOKEN.fullmatch(text) is not None


def is_session(text: str) -> bool:
    """Whether a text has the form of a session's secret."""
    return _SESSION.fullmatch(text) is not None


def digest(secret: str) -> str:
    """Return the SHA-256 of a secret in hexadecimal: 256 random bits need neither salt nor many rounds."""
    return hashlib.sha256(secret.encode()).hexdigest()


def same(first: str, second: str) -> bool:
    """Compare two digests in a time that does not tell where they differ."""
    return hmac.compare_digest(first, second)
