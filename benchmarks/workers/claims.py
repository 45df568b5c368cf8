"""What it costs a worker to find its next job in a long queue."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import text

import migrations
from benchmarks.support.lines import Line, median
from shared.database.engine import Database
from shared.delivery import tickets
from shared.jobs.data_needs import Holdings, needs_columns, needs_of
from shared.jobs.running import claims
from shared.jobs.running.claims import Claimant
from tests.support import factories
from tests.support.fakes import FakeBroker
from tests.support.servers import start_postgres

QUEUED, OWNERS = 100_000, 100
_NAMES = ("cifar10", "mnist", "pets")
_CLASSES = ["a", "b"]
_LEASE_SECONDS = 3600.0


@contextmanager
def databases(folder: Path) -> Iterator[dict[str, Database]]:
    """An empty database of each kind, by the kind's name."""
    postgres = start_postgres()
    made = {"SQLite": Database(f"sqlite:///{folder}/flightline.db"), "PostgreSQL": Database(postgres.create("bench"))}
    try:
        for db in made.values():
            migrations.upgrade(db)
        yield made
    finally:
        for db in made.values():
            db.dispose()
        postgres.remove()


def fill(db: Database, names: Sequence[str], priorities: int, queues: Sequence[str]) -> None:
    """Queue jobs of many owners, spread evenly over data sets, priorities and queues."""
    spec = dict(factories.submission().document)
    needs = [needs_columns(needs_of({"name": name, "classes": _CLASSES})) for name in names]
    rows = [_row(n, spec, needs, priorities, queues) for n in range(QUEUED)]
    factories.insert_jobs(db, rows, batch=5000)
    if not db.is_sqlite:
        with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM ANALYZE"))  # a server does it by itself, a little later


def _row(
    n: int, spec: dict[str, Any], needs: Sequence[dict[str, Any]], priorities: int, queues: Sequence[str]
) -> dict[str, Any]:
    mixed = n // OWNERS
    where = {"queue": queues[mixed % len(queues)], "priority": mixed % priorities}
    return factories.job_row(n, owner=f"owner-{n % OWNERS}", spec=spec, **where, **needs[mixed % len(needs)])


def claimant(number: int) -> Claimant:
    """A worker that holds all images."""
    reports = [{"name": name, "source": "folder", "classes": _CLASSES, "ready": True} for name in _NAMES]
    return Claimant(f"host:cpu:{number}", "cpu", "cpu", holdings=Holdings(reports))


def measured(db: Database, where: str, repeats: int) -> list[Line]:
    """Claim one job after another, each by another worker; then look for missing tickets."""
    taken = [_timed(lambda n=n: claims.claim_next(db, claimant(n), _LEASE_SECONDS)) for n in range(repeats)]
    broker = FakeBroker()
    broker.messages = [("somebody", queue, 5) for queue in ("any", "cpu", "cuda") for _ in range(tickets.MOST)]
    looks = [_timed(lambda: tickets.add_missing(db, broker, silent_seconds=15.0)) for _ in range(repeats)]
    return [
        median(f"a claim, {QUEUED:,} queued, {where}", "ms", taken, at_most=5.0),
        median(f"a look for missing tickets, {QUEUED:,} queued, {where}", "ms", looks, at_most=5.0),
    ]


def _timed(work: Any) -> float:
    began = time.perf_counter()
    assert work() is not None
    return 1000 * (time.perf_counter() - began)


def lines(rounds: int) -> Iterator[Line]:
    """Both databases, with equal jobs and with jobs of every sort."""
    for names, priorities, queues, what in (
        (_NAMES[:1], 1, ("any",), "equal jobs"),
        (_NAMES, 10, ("any", "cpu", "cuda"), "of 3 data sets, 10 priorities, 3 queues"),
    ):
        folder = Path(tempfile.mkdtemp(prefix="fl-bench-"))
        with databases(folder) as made:
            for name, db in made.items():
                fill(db, names, priorities, queues)
                yield from measured(db, f"{OWNERS} owners, {what}, {name}", 40 * rounds)
        shutil.rmtree(folder)
