"""A screen of its own on a terminal, with keys that are read unechoed; the terminal is left as it was."""

from __future__ import annotations

import os
import select
import signal
import sys
import termios
import time
import tty
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from types import FrameType

from rich.console import Console, RenderableType
from rich.live import Live

ENDING_SIGNALS = (signal.SIGTERM, signal.SIGHUP)


def has_screen(console: Console) -> bool:
    """Whether standard output is a terminal that can be drawn on, whatever FORCE_COLOR says of its colours."""
    return sys.stdout.isatty() and not console.is_dumb_terminal


class Screen:
    """The terminal's other screen, as `less` and `htop` use it: what stood on the terminal is there again afterwards.

    Ctrl-Z gives the terminal back until the program goes on; SIGTERM and SIGHUP end the program as they would, but
    only after the terminal is restored.

    Args:
        console: the terminal.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._suspended = False

    def show(self, draw: Callable[[], RenderableType], *, seconds: float, until: str) -> None:
        """Draw again and again, every `seconds` and after each key, until one of the keys in `until` is pressed.

        Raises:
            KeyboardInterrupt: Ctrl-C was pressed.
            SystemExit: the process was asked to end.
        """
        with _handled(ENDING_SIGNALS, _end), _handled((signal.SIGTSTP,), self._note_suspension):
            while True:
                with _keys() as fd, Live(console=self._console, screen=True, auto_refresh=False) as live:
                    while not self._suspended:
                        live.update(draw(), refresh=True)
                        if _pressed(fd, seconds) & set(until):
                            return
                self._suspended = False
                os.kill(os.getpid(), signal.SIGSTOP)  # SIGTSTP itself would be handled here again

    def _note_suspension(self, _number: int, _frame: FrameType | None) -> None:
        self._suspended = True


def _end(number: int, _frame: FrameType | None) -> None:
    raise SystemExit(128 + number)


@contextmanager
def _handled(signals: tuple[signal.Signals, ...], handler: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    """Handle signals, and restore what was done about them before."""
    with ExitStack() as restored:
        for number in signals:
            restored.callback(signal.signal, number, signal.signal(number, handler))
        yield


@contextmanager
def _keys() -> Iterator[int | None]:
    """The descriptor of a terminal whose keys come one by one and unechoed; None where standard input is none."""
    try:
        fd = sys.stdin.fileno()
        before = termios.tcgetattr(fd)
    except (AttributeError, ValueError, OSError, termios.error):
        yield None
        return
    try:
        tty.setcbreak(fd)
        yield fd
    finally:
        with suppress(termios.error):  # the terminal has gone
            termios.tcsetattr(fd, termios.TCSADRAIN, before)


def _pressed(fd: int | None, seconds: float) -> set[str]:
    """The keys pressed since the last call; waits for one, for at most `seconds`."""
    if fd is None:
        time.sleep(seconds)
        return set()
    ready, _, _ = select.select([fd], [], [], seconds)
    if not ready:
        return set()
    typed = os.read(fd, 1024)
    if not typed:  # the terminal has gone, and would be ready for ever
        raise SystemExit(128 + signal.SIGHUP)
    return set(typed.decode(errors="replace"))
