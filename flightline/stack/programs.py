"""The programs of a stack: their commands, their environment, the order in which they stop."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from flightline.stack import redis_server
from flightline.stack.processes import Program
from shared.delivery.redis_socket import socket_path, socket_url

PACKAGES = Path(__file__).resolve().parents[2]

API_STOP_SECONDS = 15.0  # gunicorn gives requests in progress ten
REDIS_STOP_SECONDS = 10.0
WORKER_MARGIN_SECONDS = 10.0  # a worker kills its own child after the grace and tidies up; the stack waits for that


@dataclass(frozen=True)
class Layout:
    """What one stack consists of.

    Attributes:
        home: the absolute path of its state.
        host: where the API listens.
        port: the port on which the API listens; never 0.
        devices: the device of each worker, such as ``("cuda:0", "cpu")``.
        redis_url: a Redis that runs elsewhere; None for the embedded one.
        stop_grace_seconds: how long a stopping worker may take to save and release its job.
        predictors: the number of predictors.
        authenticated: whether the API asks for tokens.
    """

    home: Path
    host: str
    port: int
    devices: tuple[str, ...]
    redis_url: str | None
    stop_grace_seconds: float
    predictors: int = 0
    authenticated: bool = False

    @property
    def logs(self) -> Path:
        """The folder of the log files."""
        return self.home / "logs"

    @property
    def broker_url(self) -> str:
        """Redis' URL, the embedded one's socket unless it runs elsewhere."""
        return self.redis_url or socket_url(socket_path(self.home))

    @property
    def summary(self) -> str:
        """The programs that are started, such as ``Redis, database, API, 2 workers and 1 predictor``."""
        number = len(self.devices)
        embedded = ["Redis"] if self.redis_url is None else []
        predictors = [f"{self.predictors} predictor{'' if self.predictors == 1 else 's'}"] if self.predictors else []
        parts = [*embedded, "database", "API", f"{number or 'no'} worker{'' if number == 1 else 's'}", *predictors]
        return f"{', '.join(parts[:-1])} and {parts[-1]}"

    def environment(self) -> dict[str, str]:
        """The environment of every program: this process's without a person's token, with the layout's settings."""
        decided = {
            "FLIGHTLINE_HOME": str(self.home),
            "FLIGHTLINE_HOST": self.host,
            "FLIGHTLINE_PORT": str(self.port),
            "FLIGHTLINE_REDIS_URL": self.broker_url,
        }
        inherited = {name: value for name, value in python_environment().items() if name != "FLIGHTLINE_TOKEN"}
        return inherited | decided

    def redis(self) -> Program:
        """The program of the embedded Redis. Raises `StackError` where no server is installed."""
        command = redis_server.server_command(redis_server.find_server(), self.home)
        return self._program("redis", command)

    def api(self) -> Program:
        """The program of the API: gunicorn, started by `flightline api`."""
        return self._program("api", flightline_command("api"))

    def workers(self) -> list[Program]:
        """The programs of the workers, one for each device; those on the CPU are numbered."""
        programs, cpus = [], 0
        for device in self.devices:
            name = f"worker-{device.replace(':', '-')}"
            if device == "cpu":
                name, cpus = f"worker-cpu-{cpus}", cpus + 1
            programs.append(self._program(name, [sys.executable, "-m", "worker", "--device", device]))
        return programs

    def predictor_programs(self) -> list[Program]:
        """The programs of the predictors, numbered from 0."""
        command = [sys.executable, "-m", "worker.predictor"]
        return [self._program(f"predictor-{number}", command) for number in range(self.predictors)]

    def _program(self, name: str, command: Sequence[str]) -> Program:
        return Program(name, tuple(command), self.environment(), self.logs / f"{name}.log")

    def stop_seconds(self, name: str) -> float:
        """The seconds that a program may take to stop before it is killed."""
        fixed = {"api": API_STOP_SECONDS, "redis": REDIS_STOP_SECONDS}
        return fixed.get(name, self.stop_grace_seconds + WORKER_MARGIN_SECONDS)


def flightline_command(*arguments: str) -> list[str]:
    """A `flightline` command run by this interpreter."""
    return [sys.executable, "-m", "flightline", *arguments]


def python_environment(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """An environment in which Python finds this installation's packages, whatever lies in the current folder.

    `api`, `worker` and `shared` are likely names in other people's projects: the current folder is not searched first
    (PYTHONSAFEPATH), and stands last for gunicorn, which would otherwise put it first itself.
    """
    path = [str(PACKAGES), *filter(None, environment.get("PYTHONPATH", "").split(os.pathsep)), str(Path.cwd())]
    return {
        **environment,
        "PYTHONPATH": os.pathsep.join(dict.fromkeys(path)),
        "PYTHONSAFEPATH": "1",
        "PYTHONUNBUFFERED": "1",
    }
