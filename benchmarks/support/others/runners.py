"""Who runs the tiny job: Flightline, and others over the same training function, one worker each."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

from benchmarks.support.others import tiny
from benchmarks.support.stack.service import TINY, Service
from flightline.stack.processes import Child, Program
from flightline.stack.programs import python_environment
from tests.support.servers import start_redis

_PATIENCE = 120


class Runner(Protocol):
    """A system that runs the tiny job, with one worker."""

    name: str

    def overhead(self) -> float:
        """Seconds from requesting a job to its result, less those of its epochs."""

    def burst(self, jobs: int) -> None:
        """Request `jobs` jobs at once, and wait for the results of all."""


class Flightline:
    """Flightline, over HTTP as users call it."""

    name = "Flightline"

    def __init__(self, service: Service) -> None:
        self._service = service

    def overhead(self) -> float:
        """Seconds from the POST until a GET shows the result, less those of the job's epochs."""
        began = time.perf_counter()
        job_id = self._service.submit(TINY)
        self._service.finished(job_id)
        return time.perf_counter() - began - self._service.seconds(job_id)

    def burst(self, jobs: int) -> None:
        """Submit `jobs` jobs at once and wait for all; polling starts with the last job and is rare."""
        for job_id in reversed([self._service.submit(TINY) for _ in range(jobs)]):
            self._service.finished(job_id, pause_seconds=0.05)


class Queued:
    """A job queue whose enqueued jobs can be waited for.

    Args:
        name: the queue's name in the table.
        enqueue: enqueues a job; returns a function that waits for its result, the seconds of its epochs.
    """

    def __init__(self, name: str, enqueue: Callable[[], Callable[[], float]]) -> None:
        self.name = name
        self._enqueue = enqueue

    def overhead(self) -> float:
        """Seconds from enqueueing a job to its result, less those of its epochs."""
        began = time.perf_counter()
        trained = self._enqueue()()
        return time.perf_counter() - began - trained

    def burst(self, jobs: int) -> None:
        """Enqueue `jobs` jobs at once, and wait for the results of all."""
        for wait in [self._enqueue() for _ in range(jobs)]:
            wait()


class RayTune:
    """Trials of Ray Tune, one at a time: Ray Tune has no queue that takes a further job."""

    name = "Ray Tune"

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def overhead(self) -> float:
        """Seconds from starting a run with one trial to its result, less those of the trial's epochs."""
        began = time.perf_counter()
        (trained,) = self._fit(1)
        return time.perf_counter() - began - trained

    def burst(self, jobs: int) -> None:
        """Run `jobs` trials, one at a time, and wait for all."""
        assert len(self._fit(jobs)) == jobs

    def _fit(self, trials: int) -> list[float]:
        tune: Any = import_module("ray.tune")
        settings = tune.TuneConfig(num_samples=trials, max_concurrent_trials=1)
        kept = tune.RunConfig(storage_path=str(self._folder), verbose=0)
        results = tune.Tuner(lambda _: {"trained": tiny.run()}, tune_config=settings, run_config=kept).fit()
        return [result.metrics["trained"] for result in results]


def others() -> Iterator[Callable[[], AbstractContextManager[Runner]]]:
    """The systems to compare with that are installed here, each as a context manager."""
    yield plain_celery
    if importlib.util.find_spec("rq"):
        yield rq
    if importlib.util.find_spec("ray"):
        yield ray_tune


@contextmanager
def plain_celery() -> Iterator[Runner]:
    """Celery alone: late acknowledgement, one prefork child, results in Redis."""
    with _redis() as (url, folder):
        os.environ["BENCHMARK_REDIS_URL"] = url.replace("unix://", "redis+socket://")
        app: Any = import_module("benchmarks.support.others.plain_celery").app
        options = ("worker", "--pool=prefork", "--concurrency=1", "--loglevel=WARNING")
        with _running(folder, "-m", "celery", "-A", "benchmarks.support.others.plain_celery", *options):
            queue = Queued("plain Celery", lambda: _later(app.send_task("tiny")))
            queue.overhead()
            yield queue


def _later(result: Any) -> Callable[[], float]:
    return lambda: float(result.get(timeout=_PATIENCE))


@contextmanager
def rq() -> Iterator[Runner]:
    """RQ with its SimpleWorker: the default worker would load torch again for every job."""
    redis: Any = import_module("redis")
    with _redis() as (url, folder):
        jobs: Any = import_module("rq").Queue(connection=redis.Redis.from_url(url))
        command = ("-c", "from rq.cli import main; main()", "worker", "--worker-class", "rq.SimpleWorker")
        with _running(folder, *command, "--url", url, "--quiet"):
            queue = Queued("RQ", lambda: _result(jobs.enqueue(tiny.run)))
            queue.overhead()
            yield queue


def _result(job: Any) -> Callable[[], float]:
    return lambda: float(job.latest_result(timeout=_PATIENCE).return_value)


@contextmanager
def ray_tune() -> Iterator[Runner]:
    """Ray Tune on a Ray cluster of its own, with one processor."""
    with ray_cluster(1) as folder:
        yield RayTune(folder)


@contextmanager
def ray_cluster(processors: int) -> Iterator[Path]:
    """Start a Ray cluster of this machine without a dashboard; yield a folder for what it writes."""
    os.environ.setdefault("RAY_worker_niceness", "0")  # else its workers would give way to whatever else runs
    ray: Any = import_module("ray")
    with tempfile.TemporaryDirectory(prefix="fl-bench-") as folder:
        environment = {name: value for name, value in _environment(Path(folder)).items() if name not in os.environ}
        runtime = {"env_vars": environment}
        ray.init(num_cpus=processors, include_dashboard=False, log_to_driver=False, runtime_env=runtime)
        try:
            yield Path(folder)
        finally:
            ray.shutdown()


@contextmanager
def _redis() -> Iterator[tuple[str, Path]]:
    """Start a Redis for one runner; yield its URL and a folder for the worker."""
    server = start_redis()
    folder = Path(tempfile.mkdtemp(prefix="fl-bench-"))
    try:
        yield server.url, folder
    finally:
        server.remove()
        shutil.rmtree(folder)


@contextmanager
def _running(folder: Path, *arguments: str) -> Iterator[None]:
    worker = Child(Program("worker", (sys.executable, *arguments), _environment(folder), folder / "log"))
    worker.start()
    try:
        yield
    finally:
        worker.kill()


def _environment(folder: Path) -> dict[str, str]:
    return {**python_environment(), "FLIGHTLINE_HOME": str(folder)}
