"""Standard output and error that are closed, full, without a reader, or unable to show a character."""

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
    """An error handler of `codecs`: plain ASCII for characters that a stream cannot encode, else question marks."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(map(_plain, error.object[error.start : error.end])), error.end


def _plain(character: str) -> str:
    translated = character.translate(_PLAIN)
    if not translated.isascii():
        translated = unicodedata.normalize("NFKD", character)[:1]
    return translated if translated.isascii() else "?"


def prepare() -> None:
    """Make this process's standard streams accept every text. It must run before anything opens a file.

    Where one is closed the null device takes its place: else the next file that is opened would get its number, and
    be written to as if it were the stream. For standard output the null device is opened for reading only, because
    lost output has to fail; losing standard error is no failure.
    """
    for descriptor, mode in enumerate((os.O_RDONLY, os.O_RDONLY, os.O_WRONLY)):
        try:
            os.fstat(descriptor)
        except OSError:
            os.set_inheritable(os.open(os.devnull, mode), True)
    codecs.register_error(ERRORS, plain)
    sys.stdout, sys.stderr = _lenient(sys.stdout, 1), _lenient(sys.stderr, 2)


def _lenient(stream: TextIO | None, descriptor: int) -> TextIO:
    """The stream, or a new one where it was closed, with `plain` as its error handler."""
    if stream is None:
        return open(descriptor, "w", encoding="utf-8", errors=ERRORS, closefd=False)
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors=ERRORS)
    return stream


def open_for_successor() -> None:
    """Open a closed standard output for writing to the null device, for the program that replaces this one."""
    if fcntl.fcntl(1, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY:
        redirect_to_null(1)


class Output:
    """Standard output, whose failed writes raise `OutputFailed` and not the OSError of any other file.

    Args:
        stream: the stream that takes the text.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    @property
    def raw(self) -> TextIO:
        """The stream itself, whose failed writes raise OSError."""
        return self._stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Write a text and return its length.

        Raises:
            OutputFailed: the disk is full, the reader has gone or the stream is closed.
        """
        try:
            return self._stream.write(text)
        except OSError as error:
            raise self._failed(error) from error

    def flush(self) -> None:
        """Write the buffered text.

        Raises:
            OutputFailed: the disk is full, the reader has gone or the stream is closed.
        """
        try:
            self._stream.flush()
        except OSError as error:
            raise self._failed(error) from error

    def _failed(self, error: OSError) -> OutputFailed:
        """The error to raise; buffered text is discarded, because the interpreter would fail to write it at its end."""
        redirect_to_null(self._stream)
        return OutputFailed(error)


class Lossy:
    """Standard error, which discards text that cannot be written: there is nowhere left to report it.

    Args:
        stream: the stream that takes the text.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Write a text, or discard it where the stream takes nothing; return its length."""
        with suppress(OSError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        """Write the buffered text; it stays buffered where the stream takes nothing."""
        with suppress(OSError):
            self._stream.flush()

    def finish(self) -> None:
        """Write or discard the buffered text, because the interpreter would fail to write it at its end."""
        try:
            self._stream.flush()
        except OSError:
            redirect_to_null(self._stream)


def is_unicode(stream: TextIO) -> bool:
    """Whether a stream can show every character."""
    return (stream.encoding or "utf-8").lower().startswith("utf")


def redirect_to_null(stream: TextIO | int) -> None:
    """Redirect a stream or a file descriptor to the null device; errors are ignored."""
    with suppress(OSError, ValueError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, stream if isinstance(stream, int) else stream.fileno())
        os.close(null)
