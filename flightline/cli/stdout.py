"""Standard output that cannot be written: a full disk, a reader that has gone."""

from __future__ import annotations

from typing import Any, TextIO

from flightline.cli.standard_streams import let_go
from flightline.errors import OutputFailed


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
