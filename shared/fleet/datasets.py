"""The registry of data sets: rows of `datasets`, written with workers' reports, and the catalogue made of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from shared import wire
from shared.database import clock
from shared.database.clock import isoformat
from shared.database.tables import Dataset
from shared.database.upsert import upsert
from shared.errors import DatasetNotFound
from shared.jobspec import BUILT_IN, Catalog
from shared.jobspec.catalog import is_usable
from shared.jobspec.datasets import image_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sqlalchemy import Connection

    from shared.database.engine import Database
    from shared.jobs.reads.queries import Workers
    from shared.jobspec import DatasetInfo

    Report = Mapping[str, Any]
    """A worker's report of one data set."""

_DESCRIPTION = ("name", "classes", "counts", "has_val", "input_shape")
_LOADED = ("mean", "std", "fingerprint")


def record_datasets(connection: Connection, worker: str, host: str, reports: Sequence[Report]) -> None:
    """Store a worker's reports of its data sets: of each set the copy that the worker prefers.

    A row keeps the figures of the images as they were last loaded until its description changes.
    """
    described: dict[str, Report] = {}
    for report in filter(_describes, reports):
        described.setdefault(report["name"], report)
    if not described:
        return
    columns = [getattr(Dataset, name) for name in (*_DESCRIPTION, *_LOADED)]
    before = {row.name: row._asdict() for row in connection.execute(select(*columns))}
    about = {"worker": worker, "host": host, "reported_at": connection.scalar(select(clock.database_now(connection)))}
    rows = [_row(report, reports, before.get(name)) | about for name, report in sorted(described.items())]
    upsert(connection, Dataset, rows)


def _describes(report: Report) -> bool:
    """Whether a report describes a whole copy with images in it, so that jobs can be checked against it."""
    return is_usable(report) and bool(report["counts"]) and _shape_known(report)


def _shape_known(report: Report) -> bool:
    return "input_shape" in report or report["name"] in BUILT_IN.datasets


def _row(report: Report, reports: Iterable[Report], before: Report | None) -> dict[str, Any]:
    """Return the columns of a data set, with the figures of its latest loading where they are of its images."""
    shape = report["input_shape"] if "input_shape" in report else BUILT_IN.datasets[report["name"]].input_shape
    row: dict[str, Any] = {
        "name": report["name"],
        "source": report["source"],
        "classes": list(report["classes"]),
        "counts": {name: list(pair) for name, pair in report["counts"].items()},
        "has_val": bool(report.get("has_val", True)),
        "input_shape": None if shape is None else list(shape),
    }
    same = before is not None and all(before[name] == row[name] for name in _DESCRIPTION)
    loaded = [one for one in reports if one.get("fingerprint") and _is_whole(one, row)]
    figures = loaded[-1] if loaded else before if same else None
    return row | {name: figures.get(name) if figures else None for name in _LOADED}


def _is_whole(loaded: Report, row: Report) -> bool:
    """Whether a job loaded all classes of the data set."""
    return bool(loaded["name"] == row["name"] and set(loaded["classes"]) == set(row["classes"]))


def catalog(db: Database, live: Workers) -> Catalog:
    """Return the catalogue that specs are checked against: all data sets, with the live workers' image counts."""
    columns = [getattr(Dataset, name) for name in _DESCRIPTION]
    others = Dataset.name.not_in(tuple(BUILT_IN.datasets))
    with db.read() as connection:
        rows = connection.execute(select(*columns).where(others).order_by(Dataset.name)).all()
    return Catalog.of_reports([row._asdict() for row in rows], [worker.datasets for worker in live])


def datasets(db: Database, live: Workers) -> list[wire.DatasetInfo]:
    """Return every data set that a job may name, with the live workers' reports of it and the workers' ids."""
    with db.read() as connection:
        rows = {row.name: row._asdict() for row in connection.execute(select(*Dataset.__table__.columns))}
    reported = [row for name, row in sorted(rows.items()) if name not in BUILT_IN.datasets]
    held = _held(live)
    infos = Catalog.of_reports(reported).datasets.values()
    return [_answer(info, rows.get(info.name), held.get(info.name, [])) for info in infos]


def dataset(db: Database, live: Workers, name: str) -> wire.DatasetInfo:
    """Return one data set that a job may name.

    Raises:
        DatasetNotFound: no such data set is built in, or was ever reported.
    """
    known = {info.name: info for info in datasets(db, live)}
    if name not in known:
        raise DatasetNotFound(name, list(known))
    return known[name]


def _held(live: Workers) -> dict[str, list[dict[str, Any]]]:
    """Return the live workers' reports by data set, equal ones as one with the ids of all workers that sent it."""
    held: dict[tuple[Any, ...], dict[str, Any]] = {}
    for worker in live:
        for report in worker.datasets:
            key = (report["name"], tuple(report["classes"]), report.get("fingerprint"))
            held.setdefault(key, report | {"workers": []})["workers"].append(worker.id)
    by_name: dict[str, list[dict[str, Any]]] = {}
    for one in held.values():
        by_name.setdefault(one["name"], []).append(one)
    return by_name


def _answer(info: DatasetInfo, row: Report | None, held: list[dict[str, Any]]) -> wire.DatasetInfo:
    figures: Report = row or {}
    mean, std = info.published_moments or (figures.get("mean"), figures.get("std"))
    images = sum(train + val for train, val in info.counts.values())
    return wire.DatasetInfo(
        name=info.name,
        title=info.title,
        classes=list(info.classes),
        input_shape=None if info.input_shape is None else list(info.input_shape),
        counts={name: list(pair) for name, pair in info.counts.items()},
        train_per_class=info.train_per_class,
        val_per_class=info.val_per_class,
        has_val=info.has_val,
        decoded_bytes=None if info.input_shape is None else image_bytes(info.input_shape, images),
        mean=None if mean is None else list(mean),
        std=None if std is None else list(std),
        fingerprint=figures.get("fingerprint"),
        reported_at=isoformat(row["reported_at"]) if row else None,
        held=held,
    )
