"""The editor of whoever types the command: a text is written to a file, edited, and read again."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from flightline.cli.console import err
from flightline.errors import UsageError

USUAL = ("sensible-editor", "nano", "vi")


@contextmanager
def edited(text: str) -> Iterator[str]:
    """What a person makes of a text in `VISUAL`, `EDITOR` or an editor that is there.

    The file is removed at the end. Where that is an error, such as a refusal by the service, the file stays, and
    standard error says where it is: nobody has to write the text again.

    Raises:
        UsageError: there is no editor, it failed, or what it wrote is not Unicode.
    """
    command = _editor()
    descriptor, name = tempfile.mkstemp(prefix="flightline-", suffix=".md")  # of mode 600
    file = Path(name)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        stream.write(text)
    try:
        _run(command, file)
        yield _read(file)
    except BaseException:
        if file.read_bytes() == text.encode():
            file.unlink()
        else:
            err().print(f"Your text is kept in {file}.", markup=False)
        raise
    file.unlink()


def _editor() -> list[str]:
    chosen = os.environ.get("VISUAL") or os.environ.get("EDITOR")
    if chosen:
        return shlex.split(chosen)
    if sys.stdin and sys.stdin.isatty():
        for name in USUAL:
            if shutil.which(name):
                return [name]
    raise UsageError("There is no editor: set EDITOR, or give --name, --tag, --untag or --notes.")


def _run(command: list[str], file: Path) -> None:
    try:
        ended = subprocess.run([*command, str(file)], check=False)
    except OSError as error:
        raise UsageError(f"The editor {command[0]!r} cannot be started: {error.strerror}. Set EDITOR.") from error
    if ended.returncode:
        raise UsageError(f"The editor {command[0]!r} ended with the code {ended.returncode}; nothing was changed.")


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise UsageError(f"What the editor wrote is not UTF-8: {error.reason}.") from error
