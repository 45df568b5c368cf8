"""Lengths of time and sizes as people write them: ``90d``, ``12h``, ``50GB``."""

from __future__ import annotations

import re

from flightline.errors import UsageError

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 7 * 86_400}
_BYTES = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}
_LENGTH = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,3})?)([smhdw])")
_SIZE = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,3})?) ?([kmgt]?)b?", re.IGNORECASE)


def read_duration(text: str, option: str) -> float:
    """The seconds of a length of time such as ``90d``.

    Raises:
        UsageError: the text is none; the message names the option.
    """
    found = _LENGTH.fullmatch(text)
    if found is None:
        raise UsageError(f"{option} must be a number with s, m, h, d or w behind it, such as 90d, not {text!r}.")
    return float(found[1]) * _SECONDS[found[2]]


def read_size(text: str, option: str) -> int:
    """The bytes of a size such as ``50GB``; a kB has 1000 bytes.

    Raises:
        UsageError: the text is none; the message names the option.
    """
    found = _SIZE.fullmatch(text)
    if found is None:
        raise UsageError(f"{option} must be a number of bytes, kB, MB, GB or TB, such as 50GB, not {text!r}.")
    return int(float(found[1]) * _BYTES[found[2].lower()])
