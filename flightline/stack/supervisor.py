"""A supervisor that restarts the stack's programs and stops them; stop signals are counted, never raised."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

from flightline.errors import StackError
from flightline.stack.log_tail import last_lines
from flightline.stack.processes import Child, Program, rotate
from shared.processes import born

LOOK_SECONDS = 0.1
HURRIED_SECONDS = 2.0
DEATHS_AT_START = 3
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass
class StopRequests:
    """The number of stop signals so far: one stops in order, two stop quickly, three stop at once."""

    count: int = 0

    def __bool__(self) -> bool:
        return self.count > 0


@contextmanager
def stop_requests() -> Iterator[StopRequests]:
    """Count stop signals while the context is open. It must be opened in the main thread."""
    requests = StopRequests()

    def count(_signal: int, _frame: FrameType | None) -> None:
        requests.count += 1

    before = {number: signal.signal(number, count) for number in STOP_SIGNALS}
    try:
        yield requests
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class Supervisor:
    """The running programs of a stack.

    Args:
        say: called with the name of a program and the message about it.
        stops: the stop signals so far; a second one shortens the time to stop.
    """

    def __init__(self, say: Callable[[str, str], None], stops: StopRequests) -> None:
        self._say = say
        self._stops = stops
        self._children: dict[str, Child] = {}

    def start(self, programs: Sequence[Program]) -> None:
        """Start programs. Call it in the main thread: the kernel ends them with the thread that started them."""
        for program in programs:
            rotate(program.log)
            self._children[program.name] = child = Child(program)
            child.start()

    def pids(self) -> dict[str, tuple[int, str | None]]:
        """The process id and birth of each running program, by name."""
        running = {name: child.pid for name, child in self._children.items()}
        return {name: (pid, born(pid)) for name, pid in running.items() if pid is not None}

    def restart_ended(self) -> bool:
        """Restart the ended programs whose pause is over; return whether any process id has changed."""
        changed = False
        for name, child in self._children.items():
            if (code := child.exited()) is not None:
                self._say(name, f"{_ending(code)}; restarts in {child.postpone():g} s")
                changed = True
            elif child.due():
                self._start_again(name, child)
                changed = True
        return changed

    def _start_again(self, name: str, child: Child) -> None:
        try:
            child.start()
        except OSError as error:  # no room for a log file, no memory for a process
            self._say(name, f"cannot be started ({error.strerror}); retried in {child.postpone():g} s")
        else:
            self._say(name, "started again")

    def check_start(self) -> None:
        """Check that no program keeps ending while the stack starts.

        Raises:
            StackError: a program has ended three times; the message has the end of its log.
        """
        for name, child in self._children.items():
            if child.deaths >= DEATHS_AT_START:
                log = child.program.log
                raise StackError(f"{name} keeps ending while it starts. {log} ends with:\n{last_lines(log)}")

    def stop(self, names: Sequence[str], seconds: float, *, least_seconds: float = 0.0) -> None:
        """Send SIGTERM to programs, all at once, and kill those that still run after `seconds`.

        Args:
            names: the programs to stop.
            seconds: how long they may take; a second stop signal makes it 2 s, a third 0.
            least_seconds: how long they may take after any number of stop signals, such as to write their data.
        """
        waiting = [child for name in names if (child := self._children.pop(name, None)) is not None]
        for child in waiting:
            child.terminate()
        began = time.monotonic()
        while waiting := [child for child in waiting if child.pid is not None and child.exited() is None]:
            if time.monotonic() - began >= max(least_seconds, self._allowed(seconds)):
                break
            time.sleep(LOOK_SECONDS)
        for child in waiting:
            hurried = self._stops.count > 1
            why = "is killed: a stop was asked for again" if hurried else "did not stop in time and is killed"
            self._say(child.program.name, why)
            child.kill()

    def names(self) -> list[str]:
        """The names of the programs that were started and not stopped, in the order of their start."""
        return list(self._children)

    def _allowed(self, seconds: float) -> float:
        if self._stops.count <= 1:
            return seconds
        return min(seconds, HURRIED_SECONDS) if self._stops.count == 2 else 0.0


def _ending(code: int) -> str:
    return f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
