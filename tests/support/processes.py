"""Real worker processes over a home of the test's own, which can be held at a step, frozen, stopped and killed.

`WorkerProcess` dies with the test run, whatever happens to it (see `tests.support.servers.Server`).
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from pydantic import SecretStr

from shared.settings import Settings
from tests.support.servers import _LAUNCHER, START_SECONDS, Server, wait_until

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 90.0
"""What a busy machine may take for anything that these tests wait for."""


def environment(settings: Settings) -> dict[str, str]:
    """The variables that make another process read these settings."""
    values = {name: getattr(settings, name) for name in settings.model_fields_set}
    texts = {name: v.get_secret_value() if isinstance(v, SecretStr) else str(v) for name, v in values.items()}
    return {f"FLIGHTLINE_{name.upper()}": text for name, text in texts.items()}


class Gates:
    """The files that `tests.support.gated_worker` looks for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def shut(self, name: str, steps: int = 0) -> None:
        """Have this happen: once an attempt has taken so many steps."""
        (self.folder / f"{name}.reached").unlink(missing_ok=True)
        (self.folder / name).write_text(str(steps))

    def open(self, name: str) -> None:
        """Have it happen no longer."""
        (self.folder / name).unlink(missing_ok=True)

    def open_all(self) -> None:
        """Have nothing happen any more."""
        for path in self.folder.iterdir():
            path.unlink()

    def wait(self, name: str) -> None:
        """Until it has happened."""
        wait_until((self.folder / f"{name}.reached").exists, f"a worker reaching the gate {name!r}", PATIENCE)


class WorkerProcess(Server):
    """One `python -m worker`.

    Args:
        settings: what it reads from its environment.
        folder: where its log and its gates lie.
        device: its `--device`.
    """

    code = ROOT
    """The folder of the packages that it runs."""

    def __init__(self, settings: Settings, folder: Path, device: str = "cpu") -> None:
        super().__init__(folder)
        self.gates = Gates(folder / "gates")
        self._settings = settings
        self._device = device

    def command(self) -> list[str]:
        """The worker with gates, which is the real one otherwise."""
        return [sys.executable, "-m", "tests.support.gated_worker", "--device", self._device]

    def answers(self) -> bool:
        """Whether its child waits for work."""
        return "worker_ready" in self.log

    @property
    def log(self) -> str:
        """What it has written so far."""
        path = self.folder / "server.log"
        return path.read_text() if path.exists() else ""

    @property
    def pid(self) -> int:
        """The parent's process id."""
        return self.process.pid

    @property
    def child(self) -> int | None:
        """The id of the process that trains, if there is one."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        return int(children[0]) if children else None

    def launch(self) -> WorkerProcess:
        """Run it without waiting."""
        self._process = self._launch(self.command())
        return self

    def kill_child(self, how: signal.Signals = signal.SIGKILL) -> None:
        """Send its child a signal."""
        assert self.child is not None
        os.kill(self.child, how)

    def stop(self) -> int:
        """SIGTERM; returns the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.wait()

    def wait(self) -> int:
        """The exit code, once it has ended."""
        return self.process.wait(PATIENCE)

    @contextlib.contextmanager
    def frozen(self) -> Iterator[None]:
        """All of it stands still for as long as the block lasts."""
        os.killpg(self.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.killpg(self.pid, signal.SIGCONT)

    def remove(self) -> None:
        """End it, however it stands, with everything that it started."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)
            self._process.wait(START_SECONDS)

    def _launch(self, command: list[str]) -> subprocess.Popen[bytes]:
        self.folder.mkdir(parents=True, exist_ok=True)
        kept: Mapping[str, str] = {k: v for k, v in os.environ.items() if not k.startswith("FLIGHTLINE_")}
        ours = {**environment(self._settings), "GATES": str(self.gates.folder), "OMP_NUM_THREADS": "1"}
        identity = [str(number) for number in (os.getuid(), os.getgid(), os.getpid(), int(self.farewell))]
        with (self.folder / "server.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-S", "-E", "-c", _LAUNCHER, *identity, *command],
                cwd=self.code,
                env={**kept, **ours},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=log,
                start_new_session=True,
            )
