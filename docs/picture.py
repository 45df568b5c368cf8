"""Draws docs/picture.svg, what a terminal shows of a run, from the service that runs here (`make up`, `make picture`).

The file asks for no font from elsewhere, as rich's own template does.
"""

import fcntl
import io
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from collections.abc import Callable
from pathlib import Path

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.text import Text

TARGET = Path(__file__).with_name("picture.svg")
COLUMNS = 96
JOB = ["submit", "--preset", "notebook-tapered", "--set", "training.epochs=20"]
SNAPSHOT = re.compile(r" 13/20 ")
"""What the live line shows when the picture is taken."""
CONTROL = re.compile(r"\x1b\[(\d*|\?25)([A-HJKlh])|\r|\n")
FONTS = 'ui-monospace, "Cascadia Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace'


class Screen:
    """The lines of a terminal whose programs go up and erase whole lines, as rich's live display does."""

    def __init__(self) -> None:
        self._lines = [""]
        self._row = 0
        self._rest = ""

    def write(self, text: str) -> None:
        """Take in output, colours included; a control sequence that is cut off waits for its other part."""
        text = self._rest + text
        end = text.rfind("\x1b")
        self._rest = text[end:] if end >= 0 and not re.match(r"\x1b\[[0-9;?]*[A-Za-z]", text[end:]) else ""
        text = text[: len(text) - len(self._rest)]
        start = 0
        for control in CONTROL.finditer(text):
            self._lines[self._row] += text[start : control.start()]
            start = control.end()
            self._obey(control)
        self._lines[self._row] += text[start:]

    def _obey(self, control: re.Match[str]) -> None:
        if control.group() == "\n":
            self._row += 1
            self._lines += [""] * (self._row == len(self._lines))
        elif control.group(2) == "A":
            self._row -= int(control.group(1) or 1)
        elif control.group(2) == "K":
            self._lines[self._row] = ""

    def text(self) -> str:
        """All lines, with their colours."""
        return "\n".join(self._lines).rstrip()


def typed(arguments: list[str], screen: Screen, enough: Callable[[str], object]) -> None:
    """Run a command on a terminal, its output on the screen, until it ends or there is enough of it."""
    screen.write(f"\x1b[1;32m$\x1b[0m \x1b[1mflightline {' '.join(arguments)}\x1b[0m\n")
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, COLUMNS, 0, 0))
    command = [sys.executable, "-m", "flightline", *arguments]
    environment = os.environ | {"TERM": "xterm-256color", "COLUMNS": str(COLUMNS)}
    process = subprocess.Popen(command, env=environment, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    try:
        while not enough(screen.text()):
            screen.write(os.read(ours, 65536).decode())
    except OSError:
        pass  # the command has ended
    finally:
        process.terminate()
        process.wait()
        os.close(ours)


def svg(text: str) -> str:
    """A terminal's window with this text in it."""
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    console.print(Text.from_ansi(text))
    template = re.sub(r"@font-face \{\{.*?\}\}", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)
    template = template.replace("Fira Code, monospace", FONTS).replace("font-family: arial", "font-family: sans-serif")
    drawn = console.export_svg(title="flightline", code_format=template, unique_id="picture")
    return re.sub(r"[ \t]+$", "", drawn, flags=re.MULTILINE)


def main() -> None:
    """Draw the picture anew."""
    screen = Screen()
    typed([*JOB, "--dry-run"], screen, lambda _: False)
    screen.write("\n")
    typed([*JOB, "--watch"], screen, SNAPSHOT.search)
    TARGET.write_text(svg(screen.text()) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
