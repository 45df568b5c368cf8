"""Imported runs become finished jobs, each once, however often it is sent.

Nothing has ended here when they arrive, so neither metrics nor webhooks are told of them.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import math
import uuid
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import func, literal, select

from shared.database import clock
from shared.database.tables import Epoch, Job, JobEvent, JobMetric, JobTag
from shared.jobs.guarded_write import insert_rows
from shared.jobs.imports.figures import Curves, metric_of
from shared.jobs.search import index
from shared.jobs.status import JobKind, Queue

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

    from shared.database.engine import Database
    from shared.jobs.actor import Actor
    from shared.jobs.imports.run import Run

AT_ONCE = 25
"""Runs that one transaction inserts: while it lasts, SQLite lets nobody else write, workers included."""
_TIME_BITS, _RANDOM_BITS = 48, 74


class Imported(NamedTuple):
    """What became of a run: its job, and whether that is new."""

    run: str
    job_id: str
    new: bool


def import_runs(db: Database, runs: Sequence[Run], *, actor: Actor) -> list[Imported]:
    """Insert those runs as finished jobs of the actor that nobody has imported yet; return the job of each, in order.

    A deleted job's run may be imported again.
    """
    found: list[Imported] = []
    for start in range(0, len(runs), AT_ONCE):
        part = runs[start : start + AT_ONCE]
        found += db.write(lambda connection, part=part: _import(connection, part, actor.owner))  # type: ignore[misc]
    return found


def job_id_of(run: Run) -> str:
    """Return the id of a run's job: a UUIDv7 of the time at which the run began, the same however often it is sent."""
    began = 0 if run.started_at is None else int(run.started_at.timestamp() * 1000)
    named = f"{run.source}\0{run.id}".encode()
    digest = int.from_bytes(hashlib.sha256(named).digest()) >> (256 - _RANDOM_BITS)
    high, low = digest >> 62, digest & (2**62 - 1)
    return str(uuid.UUID(int=(began & (2**_TIME_BITS - 1)) << 80 | 7 << 76 | high << 64 | 2 << 62 | low))


def _import(connection: Connection, runs: Sequence[Run], owner: str | None) -> list[Imported]:
    _one_at_a_time(connection)
    ids = [job_id_of(run) for run in runs]
    known = set(connection.scalars(select(Job.id).where(Job.id.in_(ids))))
    by_id = dict(zip(ids, runs, strict=True))
    new = {job_id: run for job_id, run in by_id.items() if job_id not in known}
    if new:
        _insert(connection, new, owner)
    first = set[str]()
    answers = []
    for job_id, run in zip(ids, runs, strict=True):
        answers.append(Imported(run.id, job_id, job_id in new and job_id not in first))
        first.add(job_id)
    return answers


def _one_at_a_time(connection: Connection) -> None:
    """Let no other transaction import meanwhile; SQLite has one writer at a time anyway."""
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(literal("imports"), literal(0)))))


def _insert(connection: Connection, new: dict[str, Run], owner: str | None) -> None:
    now: dt.datetime = connection.execute(select(clock.database_now(connection))).scalar_one()
    numbers = index.numbers(connection, now, len(new))
    curves = {job_id: Curves(run.metrics) for job_id, run in new.items()}
    rows = [
        {"id": job_id, "number": number, "owner": owner, **_columns(run, curves[job_id], now)}
        for number, (job_id, run) in zip(numbers, new.items(), strict=True)
    ]
    insert_rows(connection, Job, _alike(rows), created_at=now, queued_at=now)
    insert_rows(connection, JobTag, [{"job_id": one, "tag": tag} for one, run in new.items() for tag in run.tags])
    for job_id, run in new.items():
        _insert_figures(connection, job_id, run, curves[job_id])
    events = [
        {"job_id": row["id"], "seq": row["event_seq"], "data": {"status": row["status"], "attempt": 0}} for row in rows
    ]
    insert_rows(connection, JobEvent, events, kind="status", created_at=now)
    entries = zip(rows, new.values(), strict=True)
    index.write(
        connection, [index.Entry(row["number"], row["spec"], (run.name, run.notes), run.tags) for row, run in entries]
    )


def _columns(run: Run, curves: Curves, now: dt.datetime) -> dict[str, Any]:
    spec_hash, config_hash = run.hashes()
    finished_at = run.finished_at or now
    started_at = run.started_at if run.started_at is None or run.started_at <= finished_at else finished_at
    return {
        "kind": JobKind.IMPORTED,
        "name": run.name,
        "notes": run.notes,
        "spec": run.document(),
        "spec_hash": spec_hash,
        "config_hash": config_hash,
        "architecture_kind": JobKind.IMPORTED,
        "warnings": [],
        **dict.fromkeys(("parameters", "flops_per_epoch", "weight_bytes", "priority", "attempt", "failures"), 0),
        "queue": Queue.ANY,
        "status": run.status,
        "cancel_requested": run.status == "cancelled",
        "event_seq": (curves.epochs if curves.complete else 0) + 1,
        "max_attempts": 1,
        "timeout_seconds": 0.0,
        "running_seconds": 0.0 if started_at is None else (finished_at - started_at).total_seconds(),
        "exact": False,
        "epochs": curves.epochs,
        "epoch": curves.epochs,
        **curves.result(),
        "started_at": started_at,
        "finished_at": finished_at,
    }


def _alike(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return rows that all have the same columns, as one statement needs them."""
    columns = dict.fromkeys(name for row in rows for name in row)
    return [{name: row.get(name) for name in columns} for row in rows]


def _insert_figures(connection: Connection, job_id: str, run: Run, curves: Curves) -> None:
    """Store complete curves as epochs, and every other metric as it was logged."""
    stored = set[str]()
    if curves.complete:
        stored = {name for figure in curves.by_figure if (name := metric_of(figure, run.metrics))}
        epochs = [{"epoch": n, "seq": n, "attempt": 0, **row} for n, row in enumerate(curves.rows(), 1)]
        insert_rows(connection, Epoch, epochs, job_id=job_id)
    others = [
        {"name": name, "steps": metric.steps, "figures": [_finite(value) for value in metric.figures]}
        for name, metric in run.metrics.items()
        if name not in stored
    ]
    insert_rows(connection, JobMetric, others, job_id=job_id)


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
