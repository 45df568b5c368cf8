"""How quickly the service recovers from faults, and what the readiness for them costs."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import redis
from sqlalchemy import Row, select, text

import migrations
from benchmarks.support.lines import Line, median
from benchmarks.support.stack.processes import children
from benchmarks.support.stack.service import Service, service
from shared.database.engine import Database
from shared.database.tables import Job, JobEvent
from shared.delivery import tickets
from shared.delivery.reconciler import Reconciler
from shared.jobs import actions
from shared.jobs.actor import EVERYBODY
from shared.jobs.data_needs import needs_columns, needs_of
from shared.jobs.status import Queue
from tests.support import factories
from tests.support.fakes import FakeBroker
from tests.support.servers import start_postgres

NEEDS = needs_columns(needs_of({"name": "synthetic", "classes": ["airplane", "bird"]}))
TAPERED: dict[str, Any] = {"preset": "notebook-tapered", "dataset": "synthetic"}


class Bench:
    """The actions of a measurement on a running service."""

    def __init__(self, made: Service) -> None:
        self.service, self.db, self.wait = made, made.db, made.wait

    def submit(self, **training: object) -> str:
        """Submit a job with the tapered network and return its id."""
        return self.service.submit(TAPERED | {"training": training})

    def job(self, job_id: str) -> Row[Any]:
        """The job's row in the database."""
        with self.db.read() as connection:
            return connection.execute(select(*Job.__table__.columns).where(Job.id == job_id)).one()

    def running(self, **training: object) -> str:
        """Submit a long job, wait for its first epoch and return its id."""
        job_id = self.submit(epochs=1000, **training)
        self.wait(lambda: self.job(job_id).epoch >= 1)
        return job_id

    def pid(self, job_id: str) -> int:
        """The process id of the worker that runs a job."""
        return int(self.job(job_id).worker.rpartition(":")[2])

    def since(self, job_id: str, began: float, status: str) -> float:
        """Wait for the job's first event of a status after `began` (Unix time); return the seconds between the two."""
        found: list[float] = []

        def there() -> bool:
            with self.db.read() as connection:
                events = connection.execute(select(JobEvent.created_at, JobEvent.data).where(JobEvent.job_id == job_id))
                instants = [event.created_at.timestamp() for event in events if event.data.get("status") == status]
            found[:] = [instant - began for instant in instants if instant >= began - 0.001]
            return bool(found)

        self.wait(there)
        return found[0]

    def finish(self, job_id: str) -> None:
        """Cancel a job, and wait until its status is cancelled."""
        actions.cancel(self.db, job_id, actor=EVERYBODY)
        self.wait(lambda: self.job(job_id).status == "cancelled")

    def warm(self) -> None:
        """Run short jobs until every worker has loaded its data."""
        for job_id in [self.submit(epochs=1) for _ in range(2 * len(self.service.workers))]:
            self.service.finished(job_id, pause_seconds=0.05)


@contextmanager
def bench(workers: int) -> Iterator[Bench]:
    """Run a service whose workers have loaded their data; it is removed at the end."""
    with service(workers, warm_up=TAPERED | {"training": {"epochs": 1}}) as made:
        yield Bench(made)


def child_killed(repeats: int = 6) -> list[Line]:
    """Recovery from kill -9 of the process that trains."""
    queued: list[float] = []
    again: dict[int, list[float]] = {}
    for workers in (2, 1):
        with bench(workers) as made:
            for _ in range(repeats):
                job_id = made.running()
                (child,) = children(made.pid(job_id))
                began = time.time()
                os.kill(child, signal.SIGKILL)
                queued.append(made.since(job_id, began, "queued"))
                again.setdefault(workers, []).append(made.since(job_id, began, "running"))
                made.finish(job_id)
                made.warm()
    return [
        median("child killed: queued again", "s", queued, at_most=1.0),
        median("child killed: running again, another warm worker idle", "s", again[2], at_most=3.0),
        median("child killed: running again on the same worker", "s", again[1], at_most=10.0),
    ]


def machine_gone(repeats: int = 4) -> list[Line]:
    """Recovery from kill -9 of a whole worker, whose lease has to expire."""
    values: list[float] = []
    with bench(2) as made:
        for _ in range(repeats):
            job_id = made.running()
            began = time.time()
            os.killpg(made.pid(job_id), signal.SIGKILL)
            values.append(made.since(job_id, began, "running"))
            made.finish(job_id)
            made.warm()
        lease = made.service.settings.lease_seconds
    return [median(f"worker gone (lease {lease:g} s): running again on another", "s", values, at_most=lease + 2)]


def cancelled(repeats: int = 25) -> list[Line]:
    """Seconds from a cancel over HTTP, at any moment of an epoch, to the end of the job."""
    values: list[float] = []
    with bench(1) as made:
        for number in range(repeats):
            job_id = made.running()
            time.sleep(0.1 * (number % 10))
            began = time.time()
            made.service.http.post(f"/v1/jobs/{job_id}/cancel", {})
            values.append(made.since(job_id, began, "cancelled"))
    return [median("cancel of a running job", "s", values, at_most=1.0)]


def stopped(repeats: int = 6) -> list[Line]:
    """Seconds from SIGTERM to a worker with a running job to the release of the job."""
    values: list[float] = []
    with bench(1) as made:
        (worker,) = made.service.workers.values()
        for _ in range(repeats):
            job_id = made.running()
            began = time.monotonic()
            worker.terminate()
            while worker.exited() is None:
                time.sleep(0.005)
            values.append(time.monotonic() - began)
            assert made.job(job_id).status == "queued"
            actions.cancel(made.db, job_id, actor=EVERYBODY)
            worker.start()
    return [median("SIGTERM to exit, a job running: one step and saving", "s", values, at_most=3.0)]


def redis_emptied(repeats: int = 6) -> list[Line]:
    """Seconds from FLUSHALL, with a job queued for an idle worker, to the job's start."""
    values: list[float] = []
    with bench(1) as made:
        for _ in range(repeats):
            running, queued = made.running(), made.submit(epochs=1)
            with redis.Redis.from_url(made.service.settings.broker_url) as client:
                client.flushall()
            made.finish(running)
            values.append(made.since(queued, made.job(running).finished_at.timestamp(), "running"))
            made.wait(lambda queued=queued: made.job(queued).status == "succeeded")  # type: ignore[misc]
    return [median("Redis emptied: an idle worker has a queued job", "s", values, at_most=1.0)]


def passes(queued: int = 100_000, repeats: int = 20) -> list[Line]:
    """A reconciler pass that finds nothing to do, with many jobs queued and sixteen running."""
    postgres = start_postgres()
    folder = Path(tempfile.mkdtemp(prefix="fl-bench-"))
    figures = []
    for name, url in (("SQLite", f"sqlite:///{folder}/flightline.db"), ("PostgreSQL", postgres.create("bench"))):
        db = Database(url)
        migrations.upgrade(db)
        _fill(db, queued)
        broker = FakeBroker()
        broker.messages = [("somebody", queue, 5) for queue in Queue for _ in range(tickets.MOST)]
        reconciler = Reconciler(db, broker, 0.0)
        values = [_timed(reconciler.run_once) for _ in range(repeats)]
        figures.append(median(f"reconciler pass, {queued:,} queued, {name}", "ms", values, at_most=50.0))
        db.dispose()
    postgres.remove()
    shutil.rmtree(folder)
    return figures


def _fill(db: Database, queued: int) -> None:
    waiting = [factories.job_row(n, priority=n % 10, **NEEDS) for n in range(queued)]
    factories.insert_jobs(db, waiting, batch=5000)
    for _ in range(16):
        factories.running(db, lease_seconds=3600.0)
    if not db.is_sqlite:
        with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("ANALYZE"))  # a server does it by itself, a little later


def _timed(work: Callable[[], object]) -> float:
    """Call `work` and return its wall time in milliseconds."""
    began = time.perf_counter()
    assert work() is not None
    return 1000 * (time.perf_counter() - began)


def lines(rounds: int) -> Iterator[Line]:
    """All measurements. Each repeats its fault a fixed number of times, so `rounds` is ignored."""
    del rounds
    for measure in (child_killed, machine_gone, cancelled, stopped, redis_emptied, passes):
        yield from measure()
