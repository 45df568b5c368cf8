"""Removes secrets from text that leaves a process: log lines, error messages, job logs.

The parts that hold secrets never write them. This is the net below them: messages of libraries may quote a URL, a
header or a query string.
"""

from __future__ import annotations

import re

HIDDEN = "***"

_PARAMETERS = "|".join(
    (
        *("x-amz-signature", "x-amz-credential", "x-amz-security-token", "x-goog-signature", "x-goog-credential"),
        *("awsaccesskeyid", "signature", "sig", "access_token", "token", "api_key", "apikey", "password", "secret"),
    )
)
_SECRETS = (
    # User and password of a URL, up to the last @ before its path: redis://:s3cret@host/0; "…" stands for hidden ones.
    (re.compile(r"(?<=://)(?!…@)[^\s/?#'\"]+@"), f"{HIDDEN}@"),
    # A signed URL: https://bucket/key?X-Amz-Signature=…
    (re.compile(rf"(?i)(?<=[?&])({_PARAMETERS})=[^\s&'\"]+"), rf"\1={HIDDEN}"),
    (re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=-]{16,}"), rf"\1 {HIDDEN}"),
    # Tokens of people, and keys that sign webhooks.
    (re.compile(r"\bfl_[\w-]{20,}"), f"fl_{HIDDEN}"),
    (re.compile(r"\bwhsec_[\w+/=-]{8,}"), f"whsec_{HIDDEN}"),
)
_HINTS = ("@", "=", "fl_", "whsec_", "earer", "EARER", "asic", "ASIC")
_SECRET_NAMES = re.compile(r"(?i)(password|secret|authorization|cookie|(^|_)token$|api_?key)")


def redacted(text: str) -> str:
    """Return a text without the secrets that it quotes: each is replaced by `HIDDEN`."""
    if any(hint in text for hint in _HINTS):
        for pattern, replacement in _SECRETS:
            text = pattern.sub(replacement, text)
    return text


def is_secret(name: str) -> bool:
    """Whether a field or header of this name holds a secret, whatever its value looks like."""
    return _SECRET_NAMES.search(name) is not None
