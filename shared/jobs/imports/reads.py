"""Reads of the metrics of imported runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from shared import wire
from shared.database.tables import Job, JobMetric
from shared.errors import JobNotFound
from shared.jobs.imports.figures import curve, metric_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy import Connection

    from shared.database.engine import Database
    from shared.jobs.actor import Actor


def metrics(db: Database, job_id: str, *, actor: Actor) -> list[wire.Metric]:
    """Read the metrics of an imported run that are no epochs, by name; a job that was trained here has none.

    Raises:
        JobNotFound: no such job.
    """
    columns = (JobMetric.name, JobMetric.steps, JobMetric.figures)
    with db.read() as connection:
        if connection.scalar(select(Job.id).where(Job.id == job_id, actor.reach)) is None:
            raise JobNotFound(job_id)
        rows = connection.execute(select(*columns).where(JobMetric.job_id == job_id).order_by(JobMetric.name)).all()
    return [wire.Metric(name=row.name, steps=row.steps, figures=row.figures) for row in rows]


def figures(
    connection: Connection, job_ids: Sequence[str], wanted: Sequence[str]
) -> Iterator[tuple[str, str, int, float]]:
    """Yield job, figure, epoch and value of the metrics of imported jobs that are these figures of epochs."""
    columns = (JobMetric.job_id, JobMetric.name, JobMetric.steps, JobMetric.figures)
    kept: dict[str, dict[str, Sequence[float]]] = {}
    for row in connection.execute(select(*columns).where(JobMetric.job_id.in_(job_ids))):
        kept.setdefault(row.job_id, {})[row.name] = curve(row.steps, row.figures)
    for job_id, curves in kept.items():
        for figure in wanted:
            name = metric_of(figure, curves)
            for epoch, value in enumerate(curves[name] if name else (), 1):
                yield job_id, figure, epoch, value
