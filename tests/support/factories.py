"""Values and rows for tests: say what matters to the test, the rest is filled in."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

import orjson
import uuid6
from sqlalchemy import Update, insert, update

from shared import wire
from shared.database.engine import Database
from shared.database.tables import Base, Job, JobChange, JobTag, Tally
from shared.jobs import actions, deletion
from shared.jobs.actor import EVERYBODY
from shared.jobs.batches import only
from shared.jobs.data_needs import Holdings
from shared.jobs.reads import listing
from shared.jobs.reads.filters import JobFilter
from shared.jobs.running import attempts, claims, leases
from shared.jobs.running.claims import Claim, Claimant
from shared.jobs.running.leases import HeldLease
from shared.jobs.running.retry_policy import Ending
from shared.jobs.status import Outcome
from shared.jobspec import Caps, Submission, parse_spec

LEASE_SECONDS = 30.0
EPOCH = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
"""Where the times of `job_row` start."""


def submission(**document: Any) -> Submission:
    """A checked submission: a tiny softmax regression on synthetic images, with these fields of the spec changed."""
    whole = {"architecture": {"kind": "mlp", "hidden": []}, "dataset": "synthetic", "training": {"epochs": 3}}
    return parse_spec(whole | document, Caps())


def submit(db: Database, **document: Any) -> str:
    """A queued job; returns its id."""
    return actions.submit(db, submission(**document), actor=EVERYBODY).job_id


SYNTHETIC = Holdings([{"name": "synthetic", "source": "drawn", "classes": ["airplane", "bird"], "ready": True}])
"""The images of every job that says nothing else."""


def claimant(worker: str = "host:cpu:1", device: str = "cpu", holdings: Holdings = SYNTHETIC) -> Claimant:
    """A worker that asks for a job."""
    return Claimant(worker, device, device.partition(":")[0], holdings=holdings)


def try_claim(db: Database, job_id: str, claimant: Claimant, lease_seconds: float) -> Claim | None:
    """What a worker gets that wants this very job."""
    return db.write(lambda connection: claims.take(connection, job_id, claimant, lease_seconds))


def claim(db: Database, job_id: str, worker: str = "host:cpu:1", lease_seconds: float = LEASE_SECONDS) -> Claim:
    """A claim of a job that is known to be queued."""
    claimed = try_claim(db, job_id, claimant(worker), lease_seconds)
    assert claimed is not None, f"job {job_id} was not to be had"
    return claimed


def running(db: Database, worker: str = "host:cpu:1", lease_seconds: float = LEASE_SECONDS, **document: Any) -> Claim:
    """The claim of a new job."""
    return claim(db, submit(db, **document), worker, lease_seconds)


def overdue(db: Database) -> list[HeldLease]:
    """The leases that have run out by the database's clock, the longest first."""
    with db.read() as connection:
        return [lease for lease, left in leases.held(connection).items() if left <= 0]


def expire(db: Database) -> list[str]:
    """End the attempts whose leases have run out by the database's clock; returns the ids of jobs queued again."""
    return leases.expire(db, overdue(db))


def queued_long_ago(job_id: str) -> Update:
    """The statement after which a job has been waiting for years."""
    return update(Job).where(Job.id == job_id).values(queued_at=EPOCH)


def listed(db: Database, wanted: JobFilter | None = None, **options: Any) -> list[dict[str, Any]]:
    """The first page of the list of jobs."""
    page = listing.jobs(db, wanted or JobFilter(), actor=EVERYBODY, **options)
    return [orjson.loads(item) for item in page.items]


def epoch_row(epoch: int, **values: float | str | None) -> dict[str, Any]:
    """One epoch's row, its figures told apart by the epoch's number."""
    row = {
        "epoch": epoch,
        "train_loss": 0.7 / epoch,
        "train_accuracy": 0.5 + epoch / 1000,
        "last_batch_loss": 0.6 / epoch,
        "val_loss": 0.8 / epoch,
        "val_accuracy": 0.5 + epoch / 2000,
        "lr": 0.01,
        "seconds": 1.5,
        "samples_per_second": 6666.0,
        "digest": f"{epoch:064x}",
    }
    return row | values


def epoch_rows(first: int, last: int) -> list[dict[str, Any]]:
    """The rows of the epochs from `first` to `last`, both included."""
    return [epoch_row(epoch) for epoch in range(first, last + 1)]


def best(epoch: int = 1, accuracy: float = 0.5) -> dict[str, Any]:
    """What `record_epochs` is told of the best epoch."""
    return {"best_epoch": epoch, "best_val_accuracy": accuracy}


def evaluation(weights: str = "best", **values: Any) -> dict[str, Any]:
    """One evaluation's row."""
    figures: dict[str, Any] = {"precision": 0.8, "recall": 0.8, "f1": 0.8, "support": 1000}
    row: dict[str, Any] = {
        "weights": weights,
        "epoch": 1,
        "accuracy": 0.8,
        "loss": 0.4,
        "confusion_matrix": [[800, 200], [200, 800]],
        "classes": ["airplane", "bird"],
        "per_class": [vars(wire.ClassFigures(name=name, **figures)) for name in ("airplane", "bird")],
    }
    return vars(wire.Evaluation(**(row | values)))


def artifact(name: str = "best.safetensors", **values: Any) -> dict[str, Any]:
    """One artifact's row."""
    return {"name": name, "path": f"somewhere/{name}", "sha256": "0" * 64, "bytes": 1234} | values


def succeed(db: Database, claimed: Claim, *, val_accuracy: float = 0.8, best_val_accuracy: float = 0.9) -> str:
    """End a claim well, with one epoch; returns the job's id."""
    told: dict[str, Any] = {
        "epochs": [epoch_row(1, val_accuracy=val_accuracy)],
        "best": best(1, best_val_accuracy),
        "evaluations": [evaluation("best"), evaluation("last")],
        "artifacts": [artifact()],
        "exact": True,
    }
    assert attempts.succeed(db, claimed, **told)
    return claimed.job_id


LOST = Ending(Outcome.LOST, "worker_lost", "Its process is gone.", retryable=True)
RELEASED = Ending(Outcome.RELEASED)
PAUSED = Ending(Outcome.PAUSED)
CANCELLED = Ending(Outcome.CANCELLED)
TIMED_OUT = Ending(Outcome.TIMED_OUT, "timed_out", "It ran for too long.")
BROKEN = Ending(Outcome.FAILED, "non_finite_loss", "The loss of epoch 2, batch 3 is not finite.")
FLAKY = Ending(Outcome.FAILED, "out_of_device_memory", "The device has no memory left.", retryable=True)


def delete(db: Database, job_id: str) -> None:
    """Delete the rows of a finished job."""
    only(deletion.delete_rows(db, [job_id], actor=EVERYBODY))


def everything(db: Database) -> dict[str, list[tuple[Any, ...]]]:
    """All rows of all tables, to see that nothing changed; of the log of changes and the counters none."""
    with db.read() as connection:
        return {
            table.name: sorted(tuple(map(repr, row)) for row in connection.execute(table.select()))
            for table in Base.metadata.sorted_tables
            if table.name not in {JobChange.__tablename__, Tally.__tablename__}
        }


def job_row(number: int, **values: Any) -> dict[str, Any]:
    """A row of `jobs` as no API would give it: created `number` seconds after `EPOCH`, queued unless told otherwise."""
    instant = EPOCH + dt.timedelta(seconds=number)
    hashes = {"spec_hash": f"{number:064x}", "config_hash": f"{number % 7:064x}"}
    cost = {"parameters": 6146, "flops_per_epoch": 10**12, "weight_bytes": 24584}
    counters = {"event_seq": 1, "attempt": 0, "failures": 0, "running_seconds": 0.0, "epochs": 3, "epoch": 0}
    flags = {"status": "queued", "queue": "any", "priority": 5, "cancel_requested": False, "exact": True}
    rest = {"spec": {}, "warnings": [], "architecture_kind": "mlp", "max_attempts": 3, "timeout_seconds": 60.0}
    times = {"created_at": instant, "queued_at": instant}
    optional = dict.fromkeys(
        ("name", "preset", "device", "device_kind", "val_accuracy", "best_val_accuracy", "finished_at", "published_at")
    )
    row = {"id": str(uuid6.uuid7()), **hashes, **cost, **counters, **flags, **rest, **times, **optional}
    return row | values


def insert_jobs(
    db: Database, rows: Sequence[Mapping[str, Any]], tags: Sequence[tuple[str, str]] = (), *, batch: int = 1000
) -> list[str]:
    """Write rows of `job_row` (and (job id, tag) pairs) straight into the tables; returns the jobs' ids."""
    pairs = [{"job_id": job_id, "tag": tag} for job_id, tag in tags]
    for start in range(0, len(rows), batch):
        part = [dict(row) for row in rows[start : start + batch]]
        db.write(lambda connection, part=part: connection.execute(insert(Job), part))  # type: ignore[misc]
    if pairs:
        db.write(lambda connection: connection.execute(insert(JobTag), pairs))
    return [row["id"] for row in rows]
