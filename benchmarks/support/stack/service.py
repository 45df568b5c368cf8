"""The service that is measured: real API, workers, Redis and SQLite, the default settings, as `flightline up` has."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import migrations
from benchmarks.support.stack.connection import Connection
from flightline.stack import redis_server
from flightline.stack.addresses import free_port
from flightline.stack.processes import Child
from flightline.stack.programs import Layout
from shared.database.engine import Database
from shared.delivery.broker import Broker
from shared.settings import Settings

WAIT_SECONDS = 120.0
WORKER = "worker"
TINY: dict[str, Any] = {
    "preset": "notebook-tapered",
    "dataset": {"name": "synthetic", "train_per_class": 320, "val_per_class": 100},
    "training": {"epochs": 1},
}
"""The smallest job that is measured: 640 images, one epoch."""


class Service:
    """One Flightline service with its processes, in a folder of its own.

    Args:
        folder: where its home is created, with logs, database and artifacts.
        workers: the number of workers, all on the CPU.
        module: the Python module that runs as a worker.
        predictors: the number of predictors.
    """

    def __init__(self, folder: Path, workers: int, module: str = WORKER, predictors: int = 0) -> None:
        home = folder / "home"
        self.settings = Settings(home=home, port=free_port("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.settings.port}"
        grace = self.settings.stop_grace_seconds
        layout = Layout(home, "127.0.0.1", self.settings.port, ("cpu",) * workers, None, grace, predictors)
        self.logs = layout.logs
        self.redis, self.api = Child(layout.redis()), Child(layout.api())
        self.workers = {program.name: Child(_running(program, module)) for program in layout.workers()}
        self.predictors = {program.name: Child(program) for program in layout.predictor_programs()}
        self.db = Database(self.settings.sqlalchemy_url)
        self.broker = Broker(self.settings.broker_url)

    def start(self) -> None:
        """Start Redis, API and workers, and wait until all are ready."""
        self.logs.mkdir(parents=True)
        migrations.upgrade(self.db)
        redis_server.prepare(self.settings.home_dir)
        for child in (self.redis, self.api, *self.workers.values(), *self.predictors.values()):
            child.start()
        self.wait(lambda: self.logged("api", "Booting worker"))
        self.wait(lambda: all(self.logged(name, "worker_ready") for name in self.workers))
        self.wait(lambda: all(self.logged(name, "predictor_ready") for name in self.predictors))
        self.http = Connection(self.settings.port)

    def stop_worker(self, name: str) -> None:
        """Stop one worker by SIGTERM, and wait for its end."""
        child = self.workers.pop(name)
        child.terminate()
        self.wait(lambda: child.exited() is not None)

    def logged(self, name: str, text: str) -> bool:
        """Whether a program's log holds this text."""
        path = self.logs / f"{name}.log"
        return path.exists() and text in path.read_text(errors="replace")

    def wait(self, condition: Callable[[], object], pause_seconds: float = 0.005) -> None:
        """Wait until the condition holds; processes that end meanwhile are restarted, as by `flightline up`."""
        deadline = time.monotonic() + WAIT_SECONDS
        while not condition():
            assert time.monotonic() < deadline, f"waited too long; the logs are in {self.logs}"
            self._look()
            time.sleep(pause_seconds)

    def _look(self) -> None:
        for child in (self.api, *self.workers.values()):
            if child.exited() is not None:
                child.deaths = 0
                child.postpone()
            elif child.due():
                child.start()

    def submit(self, document: object) -> str:
        """Submit a job over HTTP and return its id."""
        answer = self.http.post("/v1/jobs", document)
        assert answer.status == 201, answer.body
        return str(answer.json()["id"])

    def job(self, job_id: str) -> dict[str, Any]:
        """The job's present state, read over HTTP."""
        document: dict[str, Any] = self.http.get(f"/v1/jobs/{job_id}").json()
        return document

    def finished(self, job_id: str, pause_seconds: float = 0.001) -> dict[str, Any]:
        """Poll a job over HTTP until it has succeeded, and return it."""
        found: dict[str, Any] = {}

        def there() -> bool:
            found.update(self.job(job_id))
            assert found["status"] not in ("failed", "cancelled"), found["error"]
            return bool(found["status"] == "succeeded")

        self.wait(there, pause_seconds)
        assert found["result"] is not None
        return found

    def seconds(self, job_id: str) -> float:
        """The seconds of all epochs of a job, training and validation."""
        return float(sum(self.http.get(f"/v1/jobs/{job_id}/epochs").json()["seconds"]))

    def remove(self) -> None:
        """Kill all processes and close all connections."""
        for child in (self.api, *self.workers.values(), *self.predictors.values(), self.redis):
            child.kill()
        self.broker.close()
        self.db.dispose()


def _running(program: Any, module: str) -> Any:
    command = tuple(module if part == WORKER else part for part in program.command)
    return replace(program, command=command)


@contextmanager
def service(workers: int, module: str = WORKER, warm_up: object = TINY, predictors: int = 0) -> Iterator[Service]:
    """Run a service whose workers have loaded torch and data; its folder is removed at the end."""
    folder = Path(tempfile.mkdtemp(prefix="fl-bench-", dir="/tmp"))
    made = Service(folder, workers, module, predictors)
    try:
        made.start()
        for job_id in [made.submit(warm_up) for _ in range(4 * workers)]:
            made.finished(job_id)
        yield made
    except BaseException:
        print(f"Logs and database are in {folder}.", file=sys.stderr)
        raise
    finally:
        made.remove()
    shutil.rmtree(folder)


def measure_the_defaults() -> None:
    """Remove Flightline's settings but the data directory from the environment, and set one thread per process."""
    for name in [name for name in os.environ if name.startswith("FLIGHTLINE_") and name != "FLIGHTLINE_DATA_DIR"]:
        del os.environ[name]
    os.environ["OMP_NUM_THREADS"] = "1"
