"""Standard output and error, whatever they are: closed, read by nobody, or unable to show a character."""

from __future__ import annotations

import codecs
import io
import os
import sys
import unicodedata
from contextlib import suppress
from pathlib import Path
from typing import TextIO

ERRORS = "flightline.plain"
"""The name of the error handler that writes plain characters for those that an encoding lacks."""
# One for one, so that columns and live lines keep their width.
_PLAIN = str.maketrans("…–—×·•✓→←≤≥≈°‘’“”▁▂▃▄▅▆▇█━╸╺", ".--x-*v><<>~'''\"\"_.:-=+*#---")


def plain(error: UnicodeError) -> tuple[str, int]:
    """What to write in place of the characters that cannot be encoded: letters without accents, else question marks."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(map(_plain, error.object[error.start : error.end])), error.end


def _plain(character: str) -> str:
    translated = character.translate(_PLAIN)
    if not translated.isascii():
        translated = unicodedata.normalize("NFKD", character)[:1]
    return translated if translated.isascii() else "?"


def prepare() -> None:
    """Have this process's standard streams take whatever is written. Call it first of all.

    Where one is closed the null device takes its place: else the next file that is opened would get its number, and
    be written to as if it were the stream.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    codecs.register_error(ERRORS, plain)
    sys.stdout, sys.stderr = _lenient(sys.stdout), _lenient(sys.stderr)


def _lenient(stream: TextIO | None) -> TextIO:
    if stream is None:
        return Path(os.devnull).open("w", encoding="utf-8", errors=ERRORS)
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors=ERRORS)
    return stream


def is_unicode(stream: TextIO) -> bool:
    """Whether a stream can show every character."""
    return (stream.encoding or "utf-8").lower().startswith("utf")


def let_go(stream: TextIO) -> None:
    """Send what is written to a stream that takes nothing any more to the null device, silently."""
    with suppress(OSError, ValueError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, stream.fileno())
        os.close(null)
