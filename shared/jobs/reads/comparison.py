"""Jobs side by side: the fields in which their specs differ, and the curves of their epochs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ValidationError
from sqlalchemy import select

from shared import wire
from shared.database.tables import Epoch
from shared.errors import JobNotFound
from shared.jobs.imports import reads as imports
from shared.jobs.reads.queries import jobs_by_id
from shared.jobspec.fields.evaluation import EvaluationSpec
from shared.jobspec.fields.job import JobSpec
from shared.wire.answer import names

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection

    from shared.database.engine import Database
    from shared.jobs.actor import Actor
    from shared.jobs.reads.queries import Workers

MOST_POINTS = 50_000
"""Most epochs of all jobs together that a comparison reads, but for the last one of each job."""
_LABELS = ("name", "tags", "run.id")
_FIGURES = tuple(name for name in names(wire.Curves) if name != "epoch")


def compare(
    db: Database,
    job_ids: Sequence[str],
    figures: Sequence[str] | None = None,
    *,
    live: Callable[[], Workers],
    actor: Actor,
) -> wire.Comparison:
    """Read jobs side by side.

    Args:
        db: the database.
        job_ids: whole ids of at least two jobs.
        figures: names of the curves to read; None for all.
        live: as for `shared.jobs.reads.listing.jobs`.
        actor: who asks.

    Raises:
        JobNotFound: some of them do not exist; it names all of these.
    """
    jobs = jobs_by_id(db, job_ids, live=live, actor=actor)
    found = {job.id for job in jobs}
    if missing := [job_id for job_id in job_ids if job_id not in found]:
        raise JobNotFound(*missing)
    wanted = [name for name in _FIGURES if figures is None or name in figures]
    with db.read() as connection:
        curves = _curves(connection, job_ids, {job.id: job.progress.epoch for job in jobs}, wanted)
    return wire.Comparison(jobs=jobs, differing=differing([job.spec for job in jobs]), curves=curves)


def differing(specs: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """Return the dotted paths whose values are not the same in all stored specs, each with the value of each spec."""
    flat = [dict(_leaves(_whole(spec), "")) for spec in specs]
    paths = dict.fromkeys(path for one in flat for path in one if path not in _LABELS)
    rows = {path: [one.get(path) for one in flat] for path in paths}
    return {path: values for path, values in rows.items() if any(value != values[0] for value in values)}


def _whole(spec: Mapping[str, Any]) -> object:
    """Return a stored spec with the defaults of later fields, or as it is where this release does not understand it."""
    model: type[BaseModel] = EvaluationSpec if "job" in spec else JobSpec
    try:
        return model.model_validate(spec)
    except ValidationError:  # a later release stored it
        return spec


def _leaves(value: object, path: str) -> Iterator[tuple[str, Any]]:
    """Yield the values below a place; a list of plain values, such as `hidden`, is one of them."""
    if isinstance(value, BaseModel):
        children: Iterator[tuple[object, Any]] = ((name, getattr(value, name)) for name in type(value).model_fields)
    elif isinstance(value, Mapping):
        children = iter(value.items())
    elif isinstance(value, list | tuple) and any(isinstance(one, BaseModel | Mapping) for one in value):
        children = iter(enumerate(value))
    else:
        yield path, list(value) if isinstance(value, tuple) else value
        return
    for name, inner in children:
        yield from _leaves(inner, f"{path}.{name}" if path else str(name))


def _curves(
    connection: Connection, job_ids: Sequence[str], lengths: Mapping[str, int], wanted: Sequence[str]
) -> wire.Curves:
    """Read figures of the epochs of jobs, given how many each has, as columns with one list for each job."""
    numbers = _chosen(list(lengths.values()))
    columns = (Epoch.job_id, Epoch.epoch, *(getattr(Epoch, name) for name in wanted))
    statement = select(*columns).where(Epoch.job_id.in_(list(lengths)), Epoch.epoch.in_(numbers))
    points: dict[tuple[str, str], dict[int, float]] = {}
    for row in connection.execute(statement):
        for name in wanted:
            points.setdefault((row.job_id, name), {})[row.epoch] = getattr(row, name)
    chosen = set(numbers)
    for job_id, name, epoch, value in imports.figures(connection, job_ids, wanted):
        if epoch in chosen:
            points.setdefault((job_id, name), {})[epoch] = value
    known = sorted({epoch for one in points.values() for epoch in one})

    def curve(job_id: str, name: str) -> list[float | None]:
        found = points.get((job_id, name), {})
        return [found.get(epoch) for epoch in known]

    return wire.Curves(epoch=known, **{name: [curve(job_id, name) for job_id in job_ids] for name in wanted})


def _chosen(lengths: Sequence[int]) -> list[int]:
    """Return the numbers of the epochs to read: all, or every second, third … one and the last one of each job."""
    longest, jobs = max(lengths), len(lengths)
    step = -(-longest * jobs // MOST_POINTS) or 1
    return sorted({*range(step, longest + 1, step), *(length for length in lengths if length)})
