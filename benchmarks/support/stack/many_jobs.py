"""Databases with very many finished jobs, filled quickly: a thousand are made, and copied inside the database."""

from __future__ import annotations

import datetime as dt
import random
from typing import Any

from sqlalchemy import Connection, func, insert, literal, select, text

import migrations
from shared.database.engine import Database
from shared.database.tables import Epoch, Job, JobTag, JobValue, JobWord
from shared.jobs.guarded_write import insert_rows, table_of
from shared.jobs.search.index import first_number
from tests.support import factories

BLOCK = 1000
EPOCHS = 40
_START = dt.datetime(2025, 1, 1, tzinfo=dt.UTC)
_EACH = dt.timedelta(minutes=1)
_HIDDEN: tuple[list[int], ...] = ([512], [1024, 512, 128], [256, 128])


def fill(db: Database, jobs: int, epochs: int = EPOCHS) -> None:
    """Bring an empty database to this many finished jobs, a multiple of a thousand, of so many epochs each."""
    migrations.upgrade(db)
    _make_block(db, epochs)
    for block in range(1, jobs // BLOCK):
        db.write(lambda connection, block=block: _copy_block(connection, block))  # type: ignore[misc]
    if not db.is_sqlite:
        with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM ANALYZE"))  # as its own process would by now
            connection.execute(text("CHECKPOINT"))


def _make_block(db: Database, epochs: int) -> None:
    chance = random.Random(1)
    rows = [_job(number, chance, epochs) for number in range(BLOCK)]
    tags = [(row["id"], tag) for number, row in enumerate(rows) for tag in ("sweep", f"night {number % 100}")]
    factories.insert_jobs(db, rows, tags)
    migrations.upgrade(db)  # which indexes them
    for row in rows:
        course = [
            {"job_id": row["id"], "attempt": 1, "seq": n + 2, **factories.epoch_row(n)} for n in range(1, epochs + 1)
        ]
        db.write(lambda connection, course=course: insert_rows(connection, Epoch, course))  # type: ignore[misc]


def _job(number: int, chance: random.Random, epochs: int) -> dict[str, Any]:
    """A finished job whose learning rate decides most of its accuracy, as it does."""
    lr, created = 10 ** chance.uniform(-4, 0), _START + number * _EACH
    optimizer = {"kind": "sgd", "lr": lr}
    training = {
        "epochs": epochs,
        "seed": number % 5,
        "batch_size": chance.choice((32, 64, 128, 256)),
        "optimizer": optimizer,
    }
    asked = factories.submission(architecture={"kind": "mlp", "hidden": chance.choice(_HIDDEN)}, training=training)
    status = chance.choices(("succeeded", "failed", "cancelled"), (90, 6, 4))[0]
    accuracy = min(1.0, 0.75 + 0.1 * (lr > 0.01) + chance.gauss(0, 0.02)) if status == "succeeded" else None
    device = chance.choice(("cpu", "cuda:0"))
    return factories.job_row(
        number,
        status=status,
        spec=asked.document,
        config_hash=asked.config_hash,
        name=f"run {number}",
        owner=f"owner-{number % 50}",
        preset=chance.choice((None, "notebook-linear", "notebook-tapered")),
        device=device,
        device_kind=device.partition(":")[0],
        created_at=created,
        queued_at=created,
        started_at=created,
        finished_at=created + chance.randrange(1, 3000) * dt.timedelta(seconds=1),
        epochs=epochs,
        epoch=epochs,
        event_seq=epochs + 3,
        attempt=1,
        worker="gpu-1:cuda:0:1",
        engine="fused",
        val_accuracy=accuracy,
        best_val_accuracy=accuracy,
        **dict.fromkeys(("train_loss", "train_accuracy", "val_loss"), 0.5),
        best_epoch=7,
        epoch_seconds=1.0,
    )


def _copy_block(connection: Connection, block: int) -> None:
    """Insert the first thousand jobs again, `block` times a thousand minutes later."""
    later = block * BLOCK * _EACH
    shift = first_number(_START + later) - first_number(_START)
    first = (Job.number >= first_number(_START)) & (Job.number < first_number(_START + BLOCK * _EACH))
    new_id = func.substr(Job.id, 1, 24).concat(f"{block:012x}")
    instants = ("created_at", "queued_at", "started_at", "finished_at")
    changed: dict[str, Any] = {name: _later(connection, getattr(Job, name), later) for name in instants}
    changed |= {"id": new_id, "number": Job.number + shift, "val_accuracy": Job.val_accuracy - block * 1e-6}
    _copy(connection, Job, changed, first)
    for table in (JobTag, Epoch):
        _copy(connection, table, {"job_id": new_id}, first & (table.job_id == Job.id))
    for words in (JobValue, JobWord):
        _copy(connection, words, {"job": words.job + shift}, first & (words.job == Job.number))


def _later(connection: Connection, column: Any, later: dt.timedelta) -> Any:
    if connection.dialect.name == "sqlite":
        return func.strftime("%Y-%m-%d %H:%M:%f", column, f"+{later.total_seconds():.0f} seconds")
    return column + literal(later)


def _copy(connection: Connection, table: type[Any], changed: dict[str, Any], where: Any) -> None:
    columns = table_of(table).columns
    chosen = [changed.get(column.name, column) for column in columns]
    connection.execute(insert(table_of(table)).from_select([c.name for c in columns], select(*chosen).where(where)))
