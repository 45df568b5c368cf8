"""How quickly the service gets over what happens to it, and what that readiness costs.

    python benchmarks/delivery.py                       everything: a quarter of an hour
    python benchmarks/delivery.py --only child machine  some of it (the names are in the table)

Real API, workers, Redis and databases. Prints a table, and saves it as JSON in benchmarks/results/.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

for _name in [name for name in os.environ if name.startswith(("FLIGHTLINE_", "PG"))]:
    del os.environ[_name]  # the defaults are measured
os.environ["OMP_NUM_THREADS"] = "1"

import httpx  # noqa: E402 -- only now: settings and torch read the environment
from sqlalchemy import Row, select, text  # noqa: E402

import migrations  # noqa: E402
from shared import jobs, publishing  # noqa: E402
from shared.broker import Broker, queue_keys  # noqa: E402
from shared.db import Database  # noqa: E402
from shared.reconciler import Reconciler  # noqa: E402
from shared.spec import Caps, parse_spec  # noqa: E402
from shared.status import Queue  # noqa: E402
from shared.tables import Job, JobEvent  # noqa: E402
from tests import factories  # noqa: E402
from tests.chaos.stack import Stack, children_of  # noqa: E402
from tests.fakes import FakeBroker  # noqa: E402
from tests.servers import RedisServer, start_postgres, start_redis  # noqa: E402

RESULTS = Path(__file__).parent / "results"
TAPERED: dict[str, Any] = {"preset": "notebook-tapered", "dataset": "synthetic"}
WAIT_SECONDS = 120.0


@dataclass(frozen=True)
class Figure:
    """One line of the table: seconds (or a share), each measured, and what they are to stay under."""

    what: str
    values: list[float]
    target: float
    unit: str = "s"

    def line(self) -> str:
        """A row of the table."""
        scale, unit = (1000.0, "ms") if self.unit == "s" and self.target < 0.1 else (1.0, self.unit)
        if self.unit == "%":
            scale = 100.0
        numbers = (statistics.median(self.values), min(self.values), max(self.values), self.target)
        shown = " | ".join(f"{number * scale:.2f} {unit}" for number in numbers)
        return f"| {self.what} | {len(self.values)} | {shown} |"


class Bench:
    """A running stack with the default settings, and what a measurement does with it."""

    def __init__(self, folder: Path, workers: int) -> None:
        self.stack = Stack(folder, "sqlite", workers, MappingProxyType({}))
        self.stack.start()
        self.db = self.stack.db

    def submit(self, **training: object) -> str:
        """A job with the tapered network, published."""
        submission = parse_spec(TAPERED | {"training": training}, Caps())
        job_id = jobs.submit(self.db, submission)
        publishing.publish(self.db, self.stack.broker, job_id)
        return job_id

    def wait(self, condition: Callable[[], object]) -> None:
        """Keep the stack going until it is so."""
        deadline = time.monotonic() + WAIT_SECONDS
        while not condition():
            assert time.monotonic() < deadline, f"waited too long; the logs are in {self.stack.logs}"
            self.stack.look()
            time.sleep(0.005)

    def job(self, job_id: str) -> Row[Any]:
        """Its row."""
        with self.db.read() as connection:
            return connection.execute(select(*Job.__table__.columns).where(Job.id == job_id)).one()

    def running(self, **training: object) -> str:
        """A job that has been training for a moment."""
        job_id = self.submit(epochs=1000, **training)
        self.wait(lambda: self.job(job_id).epoch >= 1)
        return job_id

    def pid(self, job_id: str) -> int:
        """The worker that a job runs on."""
        return int(self.job(job_id).worker.rpartition(":")[2])

    def since(self, job_id: str, began: float, status: str) -> float:
        """Seconds from `began` (since 1970) until the job's first event of this status after it, once there is one."""
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
        """Cancel a job, and wait until its worker is idle."""
        jobs.cancel(self.db, job_id)
        self.wait(lambda: self.job(job_id).status == "cancelled")

    def warm(self, workers: int) -> None:
        """Every worker has loaded its data."""
        self.wait(lambda: sum(self.stack.logged(name, "worker_ready") for name in self.stack.workers) >= workers)
        ids = [self.submit(epochs=1) for _ in range(2 * workers)]
        for job_id in ids:
            self.wait(lambda job_id=job_id: self.job(job_id).status == "succeeded")  # type: ignore[misc]


@contextmanager
def bench(workers: int) -> Iterator[Bench]:
    """A warm stack, removed afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="fl-bench-", dir="/tmp"))
    made = Bench(folder, workers)
    try:
        made.warm(workers)
        yield made
    except BaseException:
        print(f"Logs and database are in {folder}.", file=sys.stderr)
        raise
    finally:
        made.stack.remove()
    shutil.rmtree(folder)


def child_killed(repeats: int = 6) -> list[Figure]:
    """kill -9 of the process that trains."""
    queued: list[float] = []
    again: dict[int, list[float]] = {}
    for workers in (2, 1):
        with bench(workers) as made:
            for _ in range(repeats):
                job_id = made.running()
                (child,) = children_of(made.pid(job_id))
                began = time.time()
                os.kill(child, signal.SIGKILL)
                queued.append(made.since(job_id, began, "queued"))
                again.setdefault(workers, []).append(made.since(job_id, began, "running"))
                made.finish(job_id)
                made.warm(workers)
    return [
        Figure("child killed: queued again", queued, 1.0),
        Figure("child killed: running again, another warm worker idle", again[2], 3.0),
        Figure("child killed: running again on the same worker", again[1], 10.0),
    ]


def machine_gone(repeats: int = 4) -> list[Figure]:
    """kill -9 of a whole worker: what is left is its lease."""
    values: list[float] = []
    with bench(2) as made:
        for _ in range(repeats):
            job_id = made.running()
            began = time.time()
            os.killpg(made.pid(job_id), signal.SIGKILL)
            values.append(made.since(job_id, began, "running"))
            made.finish(job_id)
            made.warm(2)
        lease = made.stack.settings.lease_seconds
    return [Figure(f"worker gone (lease {lease:g} s): running again on another", values, lease + 2)]


def cancelled(repeats: int = 25) -> list[Figure]:
    """Cancel over HTTP, at any moment of an epoch."""
    values: list[float] = []
    with bench(1) as made:
        for number in range(repeats):
            job_id = made.running()
            time.sleep(0.1 * (number % 10))
            began = time.time()
            httpx.post(f"{made.stack.url}/v1/jobs/{job_id}/cancel").raise_for_status()
            values.append(made.since(job_id, began, "cancelled"))
    return [Figure("cancel of a running job", values, 1.0)]


def stopped(repeats: int = 6) -> list[Figure]:
    """SIGTERM to a worker with a running job."""
    values: list[float] = []
    with bench(1) as made:
        (worker,) = made.stack.workers.values()
        for _ in range(repeats):
            job_id = made.running()
            began = time.monotonic()
            worker.terminate()
            while worker.exited() is None:
                time.sleep(0.005)
            values.append(time.monotonic() - began)
            assert made.job(job_id).status == "queued"
            jobs.cancel(made.db, job_id)
            worker.start()
    return [Figure("SIGTERM to exit, a job running: one step and saving", values, 3.0)]


def redis_emptied(queued: int = 10_000) -> list[Figure]:
    """Redis is started anew with nothing in it; the reconciler of one process publishes."""
    server = start_redis()
    folder = Path(tempfile.mkdtemp(prefix="fl-bench-"))
    db, broker = Database(f"sqlite:///{folder}/flightline.db"), Broker(server.url)
    migrations.upgrade(db)
    rows = [factories.job_row(n, priority=n % 10, published_at=factories.EPOCH) for n in range(queued)]
    factories.insert_jobs(db, rows)
    broker.plant_sentinel()
    server.kill()
    server.start()
    began = time.monotonic()
    stop = Reconciler(db, broker, 15.0).start(1.0)
    while sum((broker.depths() or {}).values()) < queued:
        time.sleep(0.02)
    seconds = time.monotonic() - began
    stop.set()
    in_order = sorted(rows, key=lambda row: (-row["priority"], row["queued_at"]))
    assert _messages(server) == [row["id"] for row in in_order], "not in order"
    broker.close()
    db.dispose()
    server.remove()
    shutil.rmtree(folder)
    return [Figure(f"Redis empty: {queued:,} published again, in order", [seconds], 30.0)]


def _messages(server: RedisServer) -> list[str]:
    """The ids that wait in the queue `any`, in the order in which a worker takes them."""
    with server.client() as client:
        lists = [client.lrange(key, 0, -1) for key in queue_keys(Queue.ANY)]
    return [json.loads(message)["headers"]["argsrepr"].strip("[]'(),") for one in lists for message in one[::-1]]


def passes(queued: int = 100_000, repeats: int = 20) -> list[Figure]:
    """A reconciler pass that finds nothing to do, with many jobs queued and sixteen running."""
    postgres = start_postgres()
    folder = Path(tempfile.mkdtemp(prefix="fl-bench-"))
    figures = []
    for name, url in (("SQLite", f"sqlite:///{folder}/flightline.db"), ("PostgreSQL", postgres.create("bench"))):
        db = Database(url)
        migrations.upgrade(db)
        _fill(db, queued)
        broker = FakeBroker()
        broker.plant_sentinel()
        broker.messages = [("somebody", queue, 5) for queue in Queue]
        reconciler = Reconciler(db, broker, 0.0)
        values = [_timed(reconciler.run_once) for _ in range(repeats)]
        figures.append(Figure(f"reconciler pass, {queued:,} queued, {name}", values, 0.05))
        db.dispose()
    postgres.remove()
    shutil.rmtree(folder)
    return figures


def _fill(db: Database, queued: int) -> None:
    waiting = [factories.job_row(n, priority=n % 10, published_at=factories.EPOCH) for n in range(queued)]
    factories.insert_jobs(db, waiting, batch=5000)
    for _ in range(16):
        factories.running(db, lease_seconds=3600.0)
    if not db.is_sqlite:
        with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("ANALYZE"))  # a server does it by itself, a little later


def _timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    assert work() is not None
    return time.perf_counter() - began


BENCHES: dict[str, Callable[[], list[Figure]]] = {
    "child": child_killed,
    "machine": machine_gone,
    "cancel": cancelled,
    "stop": stopped,
    "redis": redis_emptied,
    "passes": passes,
}


def main(arguments: Sequence[str]) -> int:
    """Measure what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="+", choices=list(BENCHES), default=list(BENCHES))
    options = parser.parse_args(arguments)
    print(f"{platform.platform()}, {os.cpu_count()} processors, load average {os.getloadavg()[0]:.1f} at the start\n")
    print("| what | n | median | least | most | at most |\n|---|---|---|---|---|---|", flush=True)
    saved = []
    for name in options.only:
        load = os.getloadavg()[0]
        for figure in BENCHES[name]():
            print(figure.line(), flush=True)
            saved.append({"bench": name, "load": load, **vars(figure)})
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "delivery.json").write_text(json.dumps(saved, indent=1))
    print(f"\nload average {os.getloadavg()[0]:.1f} at the end")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
