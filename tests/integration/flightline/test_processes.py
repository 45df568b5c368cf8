"""Child processes, for real: tied to their parent, started again, stopped."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from flightline.errors import StackError
from flightline.stack import parent_death
from flightline.stack.processes import LARGEST_LOG_BYTES, Child, Program, rotate
from flightline.stack.programs import python_environment
from flightline.stack.supervisor import StopRequests, Supervisor, stop_requests
from shared.processes import born
from tests.support.clocks import Clock

Make = Callable[..., Program]

STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"
OBEDIENT = "import time; print('up', flush=True); time.sleep(60)"


def until(condition: Callable[[], object]) -> None:
    """Wait for a condition; the test's own timeout ends it."""
    while not condition():
        time.sleep(0.01)


def gone(pid: int) -> bool:
    """Whether a process has ended, zombies included."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Makes a program that runs Python code."""

    def program(code: str, name: str = "program") -> Program:
        return Program(name, (sys.executable, "-c", code), dict(os.environ), tmp_path / f"{name}.log")

    return program


@pytest.fixture
def said() -> list[str]:
    """What the supervisor said."""
    return []


@pytest.fixture
def stops() -> StopRequests:
    """The stop requests so far."""
    return StopRequests()


@pytest.fixture
def supervisor(said: list[str], stops: StopRequests) -> Iterator[Supervisor]:
    """A supervisor whose children end with the test."""
    made = Supervisor(lambda name, text: said.append(f"{name}: {text}"), stops)
    yield made
    stops.count = 3
    made.stop(made.names(), 0.0)


def test_a_child_dies_with_its_parent(tmp_path: Path) -> None:
    """kill -9 of the one who started a tethered program ends the program."""
    code = (
        "import os, subprocess, sys, time\n"
        f"p = subprocess.Popen([sys.executable, {parent_death.__file__!r}, str(os.getpid()), 'sleep', '60'])\n"
        "print(p.pid, flush=True); time.sleep(60)"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert parent.stdout
    pid = int(parent.stdout.readline())
    until(lambda: Path(f"/proc/{pid}/cmdline").read_bytes().startswith(b"sleep"))
    parent.kill()
    parent.wait()
    parent.stdout.close()
    until(lambda: gone(pid))


def test_a_tether_without_its_parent_does_not_start() -> None:
    """A program whose parent died before the kernel was asked is not started."""
    command = [sys.executable, parent_death.__file__, "1", "sleep", "60"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (ended.returncode, "is gone" in ended.stderr) == (1, True)


def test_children_have_a_session_of_their_own(make: Make, supervisor: Supervisor) -> None:
    """The terminal's Ctrl-C reaches the stack alone."""
    supervisor.start([make(OBEDIENT)])
    pid, birth = supervisor.pids()["program"]
    assert os.getsid(pid) == pid != os.getsid(0)
    assert birth == born(pid)


def test_what_dies_starts_again(make: Make, supervisor: Supervisor, said: list[str], tmp_path: Path) -> None:
    """A killed program is started again under a new id, and both are said."""
    program = make(OBEDIENT)
    supervisor.start([program])
    until(lambda: "up" in program.log.read_text())
    pid, _ = supervisor.pids()["program"]
    os.kill(pid, signal.SIGKILL)
    until(supervisor.restart_ended)
    assert supervisor.pids() == {}
    until(supervisor.restart_ended)
    assert supervisor.pids()["program"][0] != pid
    assert said == ["program: was killed by signal 9; restarts in 0.5 s", "program: started again"]


def test_what_a_dead_child_started_is_ended(make: Make, supervisor: Supervisor) -> None:
    """The rest of a dead program's process group goes with it."""
    program = make("import os, subprocess; print(subprocess.Popen(['sleep', '60']).pid, flush=True); os.abort()")
    supervisor.start([program])
    until(supervisor.restart_ended)
    until(lambda: gone(int(program.log.read_text().split()[0])))


def test_pauses_double_and_are_bounded(make: Make) -> None:
    """A program that keeps dying is started less and less often, one that lived long as at first."""
    child = Child(make("pass"))
    child.started = time.monotonic()
    assert [child.postpone() for _ in range(9)] == [0.5, 1, 2, 4, 8, 16, 30, 30, 30]
    child.started -= 61
    assert child.postpone() == 0.5


def test_a_program_that_keeps_dying_ends_the_start(make: Make, supervisor: Supervisor) -> None:
    """While the stack starts, the third death is an error with the end of the log."""
    supervisor.start([make("raise SystemExit('no such thing')")])

    def look_and_check() -> None:
        while True:
            supervisor.restart_ended()
            supervisor.check_start()

    with pytest.raises(StackError, match="no such thing"):
        look_and_check()


def test_stop_waits_then_kills(
    make: Make, supervisor: Supervisor, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An obedient program ends by itself; one that ignores SIGTERM is killed and named."""
    programs = [make(OBEDIENT, "obedient"), make(STUBBORN, "stubborn")]
    supervisor.start(programs)
    until(lambda: all("up" in program.log.read_text() for program in programs))
    obedient, stubborn = (pid for pid, _ in supervisor.pids().values())

    class Patient(Clock):
        """Its time begins once the obedient one has ended, however long a busy machine takes over that."""

        def sleep(self, seconds: float) -> None:
            self.now += seconds if gone(obedient) else 0.0
            super().sleep(seconds)

    monkeypatch.setattr("flightline.stack.supervisor.time", Patient())
    supervisor.stop(["obedient", "stubborn", "missing"], 0.5)
    assert all(map(gone, (obedient, stubborn)))
    assert said == ["stubborn: did not stop in time and is killed"]
    assert supervisor.names() == []


def test_a_second_request_hurries(
    make: Make, supervisor: Supervisor, said: list[str], stops: StopRequests, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second Ctrl-C cuts the grace short, the third ends it; what is killed then was not too slow."""
    monkeypatch.setattr("flightline.stack.supervisor.HURRIED_SECONDS", 0.0)
    program = make(STUBBORN)
    supervisor.start([program])
    until(lambda: "up" in program.log.read_text())
    stops.count = 2
    supervisor.stop(["program"], 3600.0)
    assert supervisor.names() == []
    assert said == ["program: is killed: a stop was asked for again"]


def test_what_must_be_written_out_is_never_hurried(
    make: Make, supervisor: Supervisor, said: list[str], stops: StopRequests, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A third Ctrl-C kills nothing that is given its time all the same, such as Redis."""
    monkeypatch.setattr("flightline.stack.supervisor.HURRIED_SECONDS", 0.0)
    program = make(
        "import signal, sys, time; signal.signal(15, lambda *_: sys.exit(0)); print('up', flush=True); time.sleep(60)"
    )
    supervisor.start([program])
    until(lambda: "up" in program.log.read_text())
    stops.count = 3
    supervisor.stop(["program"], 3600.0, least_seconds=3600.0)
    assert (supervisor.names(), said) == ([], [])


def test_a_program_that_cannot_be_started_again_is_tried_later(
    make: Make, supervisor: Supervisor, said: list[str]
) -> None:
    """No room for its log file ends neither it nor the stack for good."""
    program = make("import time; print('up', flush=True); time.sleep(60)")
    supervisor.start([program])
    until(lambda: "up" in program.log.read_text())
    program.log.unlink()
    program.log.mkdir()
    ((pid, _),) = supervisor.pids().values()
    os.kill(pid, signal.SIGKILL)
    until(lambda: supervisor.restart_ended() and said[-1].startswith("program: cannot be started (Is a directory)"))
    assert supervisor.pids() == {}

    program.log.rmdir()
    until(lambda: supervisor.restart_ended() and said[-1] == "program: started again")
    assert supervisor.pids()


def test_stop_signals_are_counted() -> None:
    """Signals are counted, not raised, and the handlers from before come back."""
    before = signal.getsignal(signal.SIGTERM)
    with stop_requests() as stops:
        assert not stops
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGINT)
        until(lambda: stops.count == 2)
    assert signal.getsignal(signal.SIGTERM) == before


def test_large_logs_are_put_aside(tmp_path: Path) -> None:
    """A log over the limit makes place for a new one; a small or missing one stays."""
    log = tmp_path / "api.log"
    rotate(log)
    log.write_bytes(b"small")
    rotate(log)
    assert log.exists()
    with log.open("wb") as file:
        file.truncate(LARGEST_LOG_BYTES + 1)
    rotate(log)
    assert (log.exists(), (tmp_path / "api.old.log").exists()) == (False, True)


def test_packages_of_the_current_folder_hide_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder with a package of the same name, in which the stack is started, is not what is imported."""
    (tmp_path / "worker").mkdir()
    (tmp_path / "worker" / "__init__.py").write_text("raise SystemExit('the wrong one')")
    code = "import worker, sys; print(sys.path.index(sys.argv[1]) > 0)"
    monkeypatch.chdir(tmp_path)
    command = [sys.executable, "-c", code, str(tmp_path)]
    ended = subprocess.run(command, env=python_environment(), capture_output=True, text=True, check=True)
    assert ended.stdout == "True\n"
