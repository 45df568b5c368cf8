"""Standard output and error, whatever they are: closed, full, read by nobody, or unable to show a character."""

from __future__ import annotations

import codecs
import fcntl
import io
import os
import sys
import unicodedata
from contextlib import suppress
from typing import Any, TextIO

from flightline.errors import OutputFailed

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
    be written to as if it were the stream. For standard output it can only be read: what is written there is lost, and
    that has to fail. What nobody sees of standard error is no failure.
    """
    for descriptor, mode in enumerate((os.O_RDONLY, os.O_RDONLY, os.O_WRONLY)):
        try:
            os.fstat(descriptor)
        except OSError:
            os.set_inheritable(os.open(os.devnull, mode), True)
    codecs.register_error(ERRORS, plain)
    sys.stdout, sys.stderr = _lenient(sys.stdout, 1), _lenient(sys.stderr, 2)


def _lenient(stream: TextIO | None, descriptor: int) -> TextIO:
    """The stream, or one on its descriptor where it was closed; each character is written in some way."""
    if stream is None:
        return open(descriptor, "w", encoding="utf-8", errors=ERRORS, closefd=False)
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors=ERRORS)
    return stream


def hand_over() -> None:
    """Let the program that takes this one's place write to its standard output, where that was closed, into nothing."""
    if fcntl.fcntl(1, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY:
        let_go(1)


class Output:
    """Standard output, whose failures are told from those of any other file.

    Args:
        stream: what is written to.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    @property
    def raw(self) -> TextIO:
        """The stream itself, for what goes on when it cannot be written to any more."""
        return self._stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Write a text.

        Raises:
            OutputFailed: it cannot be written.
        """
        try:
            return self._stream.write(text)
        except OSError as error:
            raise self._failed(error) from error

    def flush(self) -> None:
        """Write what is kept back.

        Raises:
            OutputFailed: it cannot be written.
        """
        try:
            self._stream.flush()
        except OSError as error:
            raise self._failed(error) from error

    def _failed(self, error: OSError) -> OutputFailed:
        """The error; what is still kept back goes nowhere, or the interpreter would complain of it at its end."""
        let_go(self._stream)
        return OutputFailed(error)


class Lossy:
    """Standard error, on which what cannot be written is lost: there is nowhere left to say so.

    Args:
        stream: what is written to.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Write a text, or lose it."""
        with suppress(OSError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        """Write what is kept back; later texts may find room again."""
        with suppress(OSError):
            self._stream.flush()

    def finish(self) -> None:
        """Write what is kept back, or lose it: the interpreter would fail by it at its end."""
        try:
            self._stream.flush()
        except OSError:
            let_go(self._stream)


def is_unicode(stream: TextIO) -> bool:
    """Whether a stream can show every character."""
    return (stream.encoding or "utf-8").lower().startswith("utf")


def let_go(stream: TextIO | int) -> None:
    """Send what is written to a stream, or a descriptor, that takes nothing any more to the null device, silently."""
    with suppress(OSError, ValueError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, stream if isinstance(stream, int) else stream.fileno())
        os.close(null)
