"""A program on a terminal of its own, as a person's terminal emulator starts it."""

from __future__ import annotations

import fcntl
import os
import select
import signal
import struct
import subprocess
import termios
from collections.abc import Callable
from typing import Any

from tests.support.servers import wait_until

OTHER_SCREEN, FIRST_SCREEN = "\x1b[?1049h", "\x1b[?1049l"
TOP_LEFT = "\x1b[H"
"""Moves the cursor to where a page begins."""
SHOW_CURSOR = "\x1b[?25h"


class Terminal:
    """A program with a terminal as its standard streams; what it draws is collected.

    Args:
        command: the program and its arguments.
        environment: all of its environment.
        size: the terminal's lines and columns.
    """

    def __init__(self, command: list[str], environment: dict[str, str], size: tuple[int, int] = (24, 80)) -> None:
        self._ours, self._its = os.openpty()
        self.drawn = ""
        self.resize(*size)
        self.modes = self.current_modes()
        # readline exports the size of the terminal that the tests run in, which would hold for ever.
        sizeless = {name: value for name, value in environment.items() if name not in {"COLUMNS", "LINES"}}
        self.process = subprocess.Popen(
            command, stdin=self._its, stdout=self._its, stderr=self._its, env=sizeless, start_new_session=True
        )

    def current_modes(self) -> list[Any]:
        """The modes of the terminal now: echo, lines or keys, and so on."""
        return termios.tcgetattr(self._its)

    def resize(self, lines: int, columns: int) -> None:
        """Give the terminal another size."""
        fcntl.ioctl(self._its, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def type(self, keys: str) -> None:
        """Press keys."""
        os.write(self._ours, keys.encode())

    def wait_for(self, seen: Callable[[str], object], what: str) -> None:
        """Collect what is drawn until it is what `seen` looks for."""
        wait_until(lambda: seen(self._all_drawn()), what)

    def end(self) -> int:
        """Collect all that is drawn until the program ends; returns its exit code."""
        wait_until(lambda: self._all_drawn() and self.process.poll() is not None, "the end of the program")
        self._all_drawn()
        return self.process.wait()

    def close(self) -> None:
        """End the program, however it stands."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
        os.close(self._ours)
        os.close(self._its)

    def _all_drawn(self) -> str:
        while select.select([self._ours], [], [], 0)[0]:
            self.drawn += os.read(self._ours, 65536).decode(errors="replace")
        return self.drawn
