"""Lists of 100 jobs among 10,000 and 100,000 finished ones, by every kind of filter and order, on both databases.

``DATABASES=PostgreSQL SIZES=10000`` measures a part of it.
"""

from __future__ import annotations

import itertools
import os
import shutil
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from sqlalchemy import func, select, update

from benchmarks.support.lines import Line
from benchmarks.support.stack.connection import Connection
from benchmarks.support.stack.many_jobs import EPOCHS, fill
from benchmarks.support.stack.service import Service
from shared.database.engine import Database
from shared.database.tables import Job
from shared.jobs.guarded_write import table_of
from tests.support.servers import PostgresServer, start_postgres_of

DATABASES = tuple(os.environ.get("DATABASES", "SQLite,PostgreSQL").split(","))
SIZES = tuple(map(int, os.environ.get("SIZES", "10000,100000").split(",")))
FILTERS = {
    "nothing": "",
    "status": "status=succeeded",
    "owner (2 %)": "owner=owner-7",
    "device": "device=cuda",
    "preset": "preset=notebook-linear",
    "name": f"name={quote('run 7')}",
    "tag (1 %)": f"tag={quote('night 7')}",
    "tag (all)": "tag=sweep",
    "text": "text=run",
    "lr < 0.001": f"where={quote('training.optimizer.lr<0.001')}",
    "batch_size = 64": f"where={quote('training.batch_size=64')}",
    "batch_size != 64": f"where={quote('training.batch_size!=64')}",
    "accuracy": "min_val_accuracy=0.8",
}
SORTS = ("-created_at", "-val_accuracy", "finished_at", "spec.training.optimizer.lr")
PAIRS = {
    "status and accuracy": "status=succeeded&min_val_accuracy=0.8",
    "broad and disjoint": f"where={quote('training.optimizer.lr<0.003')}&min_val_accuracy=0.84",
    "tag and owner": f"tag={quote('night 7')}&owner=owner-7",
}
CLIENTS = 8
SECONDS = 5.0
MEDIAN_MS, P99_MS, GROWTH, PER_SECOND = 5.0, 15.0, 1.5, 800.0


class DefaultPostgres(PostgresServer):
    """PostgreSQL with the memory that it has unless somebody gives it more; tests give theirs less."""

    shared_buffers = "128MB"


def lines(rounds: int) -> Iterator[Line]:
    """Each filter with each order, what growing tenfold costs, and how many lists a second eight clients get."""
    postgres = start_postgres_of(DefaultPostgres)
    try:
        for kind in DATABASES:
            medians: list[dict[str, float]] = []
            for size in SIZES:
                with filled_service(None if kind == "SQLite" else postgres.create(f"lists{size}"), size) as made:
                    medians.append({})
                    for line in _measure(made, f"{kind}, {size:,} jobs", 20 * rounds):
                        medians[-1][line.what.rpartition(": ")[0].partition(" jobs, ")[2]] = line.ours
                        yield line
                    yield _unchanged(made, f"{kind}, {size:,} jobs", 20 * rounds)
                    yield _throughput(made, f"{kind}, {size:,} jobs")
            if len(medians) > 1:
                growth = [medians[-1][name] / small for name, small in medians[0].items()]
                what = f"{kind}: {SIZES[-1]:,} jobs beside {SIZES[0]:,}"
                yield Line(f"{what}, the median list", "×", statistics.median(growth), at_most=GROWTH)
                yield Line(f"{what}, the worst list", "×", max(growth), at_most=GROWTH)
    finally:
        postgres.remove()


@contextmanager
def filled_service(url: str | None, jobs: int, epochs: int = EPOCHS) -> Iterator[Service]:
    """Run a service without workers on a database (None: SQLite) that is filled with so many finished jobs."""
    folder = Path(tempfile.mkdtemp(prefix="fl-bench-", dir="/tmp"))
    if url is not None:
        os.environ["FLIGHTLINE_DATABASE_URL"] = url
    made = Service(folder, 0)
    try:
        made.settings.home_dir.mkdir()
        fill(Database(made.settings.sqlalchemy_url), jobs, epochs)
        made.start()
        yield made
    finally:
        made.remove()
        os.environ.pop("FLIGHTLINE_DATABASE_URL", None)
        shutil.rmtree(folder)


def _measure(made: Service, where: str, requests: int) -> Iterator[Line]:
    """Each list after a job has changed, so that none is one that the API has kept."""
    every = []
    for name, query in _asked().items():
        times = [_list_anew(made, query) for _ in range(requests + 3)][3:]
        every += times
        yield Line(f"{where}, {name}: median", "ms", statistics.median(times), at_most=MEDIAN_MS, values=times)
    yield Line(f"{where}, all of these: 99th percentile", "ms", statistics.quantiles(every, n=100)[98], at_most=P99_MS)


def _unchanged(made: Service, where: str, requests: int) -> Line:
    """A list that is asked for again while nothing has changed."""
    times = [_list(made.http, "sort=-val_accuracy") for _ in range(requests + 3)][3:]
    return Line(f"{where}, asked for again: median", "ms", statistics.median(times), at_most=MEDIAN_MS, values=times)


def _asked() -> dict[str, str]:
    asked = {
        f"{name} by {sort}": f"{query}&sort={sort}" for (name, query), sort in itertools.product(FILTERS.items(), SORTS)
    }
    return asked | {name: f"{query}&sort=-val_accuracy" for name, query in PAIRS.items()}


def _list_anew(made: Service, query: str) -> float:
    changed = update(table_of(Job)).values(event_seq=Job.event_seq + 1)
    oldest = select(func.min(Job.number)).scalar_subquery()
    made.db.write(lambda connection: connection.execute(changed.where(Job.number == oldest)))
    return _list(made.http, query)


def _list(connection: Connection, query: str) -> float:
    answer = connection.get(f"/v1/jobs?limit=100&{query}")
    assert answer.status == 200, answer.body
    return answer.milliseconds


def _throughput(made: Service, where: str) -> Line:
    """Lists that eight clients receive in a second, each asking for the newest 100 of some filter in turn."""
    counts = [0] * CLIENTS
    until = time.monotonic() + SECONDS

    def ask(client: int) -> None:
        connection = Connection(made.settings.port)
        for query in itertools.cycle(FILTERS.values()):
            if time.monotonic() > until:
                return connection.close()
            _list(connection, query)
            counts[client] += 1
        return None

    threads = [threading.Thread(target=ask, args=(client,)) for client in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return Line(f"{where}, {CLIENTS} clients: lists a second", "/s", sum(counts) / SECONDS, at_least=PER_SECOND)
