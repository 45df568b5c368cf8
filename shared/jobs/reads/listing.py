"""The list of jobs: filters, sort orders and keyset pages, each supported by an index."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, exists, select, tuple_

from shared import wire
from shared.database.tables import Job, JobTag
from shared.errors import InvalidQuery
from shared.jobs.actor import Actor
from shared.jobs.reads.queries import JOB_COLUMNS, job_answers, tags_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection, Row, Select

    from shared.database.engine import Database
    from shared.jobs.reads.queries import Workers

SORTS = ("created_at", "val_accuracy", "best_val_accuracy", "finished_at")
Key = tuple[float | dt.datetime | None, str]


@dataclass(frozen=True)
class JobFilter:
    """Conditions on the listed jobs; every field that is set must match."""

    id: tuple[str, ...] = ()
    """Whole ids; empty for all jobs."""
    status: tuple[str, ...] = ()
    kind: str | None = None
    device: str | None = None
    """Kind of device (``cpu``, ``cuda``) or one device (``cuda:1``) of the latest attempt."""
    architecture_kind: str | None = None
    preset: str | None = None
    tag: str | None = None
    name: str | None = None
    min_val_accuracy: float | None = None
    min_best_val_accuracy: float | None = None
    created_after: dt.datetime | None = None
    created_before: dt.datetime | None = None
    config_hash: str | None = None


@dataclass(frozen=True)
class Page:
    """A page of jobs, and the key after which the next page starts; None on the last page."""

    items: list[wire.Job]
    next_key: Key | None


def jobs(
    db: Database,
    wanted: JobFilter,
    sort: str = "-created_at",
    after: Key | None = None,
    limit: int = 50,
    *,
    live: Callable[[], Workers] | None = None,
    actor: Actor,
) -> Page:
    """Read one page of the jobs that match.

    Args:
        db: the database.
        wanted: the conditions.
        sort: one of `SORTS`, prefixed with ``-`` for descending. Jobs without a value come last in both orders.
        after: the `next_key` of the previous page.
        limit: most jobs on the page.
        live: returns the live workers; if given, warnings of queued jobs name what no live worker offers.
        actor: on whose behalf the jobs are read.

    Raises:
        InvalidQuery: `sort` is not one of `SORTS`, or `after` is a key of another sort order.
    """
    column, descending = _sort_column(sort)
    with db.read() as connection:
        rows = _rows(connection, _filtered(wanted, actor), column, descending, after, limit + 1)
        tags = tags_of(connection, [row.id for row in rows[:limit]])
    items = job_answers(rows[:limit], tags, live)
    last = rows[limit - 1] if len(rows) > limit else None
    return Page(items, None if last is None else (getattr(last, column.key), last.id))


def _sort_column(sort: str) -> tuple[Any, bool]:
    name = sort.removeprefix("-")
    if name not in SORTS:
        message = f"Jobs cannot be sorted by {name!r}; choose {', '.join(SORTS)}, prefixed with - for descending."
        raise InvalidQuery(message)
    return getattr(Job, name), sort.startswith("-")


def _rows(
    connection: Connection, statement: Select[Any], column: Any, descending: bool, after: Key | None, limit: int
) -> list[Row[Any]]:
    """Yield rows with a value, then those without, by two range scans of an index; NULLS LAST would need a sort."""
    rows: list[Row[Any]] = []
    if after is None or after[0] is not None:
        start = () if after is None else (_beyond(tuple_(column, Job.id), after, descending=descending),)
        order = (column.desc(), Job.id.desc()) if descending else (column, Job.id)
        rows += connection.execute(statement.where(column.is_not(None), *start).order_by(*order).limit(limit))
    if len(rows) < limit and column.property.columns[0].nullable:
        start = (Job.id < after[1],) if after is not None and after[0] is None else ()
        without = statement.where(column.is_(None), *start).order_by(Job.id.desc())
        rows += connection.execute(without.limit(limit - len(rows)))
    return rows


def _beyond(keys: Any, after: Key, *, descending: bool) -> ColumnElement[bool]:
    return keys < after if descending else keys > after  # type: ignore[no-any-return]


def _filtered(wanted: JobFilter, actor: Actor) -> Select[Any]:
    statement = select(*JOB_COLUMNS).where(actor.reach)
    equal = {
        Job.kind: wanted.kind,
        Job.architecture_kind: wanted.architecture_kind,
        Job.preset: wanted.preset,
        Job.name: wanted.name,
        Job.config_hash: wanted.config_hash,
        (Job.device if wanted.device and ":" in wanted.device else Job.device_kind): wanted.device,
    }
    conditions = [column == value for column, value in equal.items() if value is not None]
    at_least = {
        Job.val_accuracy: wanted.min_val_accuracy,
        Job.best_val_accuracy: wanted.min_best_val_accuracy,
        Job.created_at: wanted.created_after,
    }
    conditions += [column >= value for column, value in at_least.items() if value is not None]
    if wanted.created_before is not None:
        conditions.append(Job.created_at < wanted.created_before)
    if wanted.id:
        conditions.append(Job.id.in_(wanted.id))
    if wanted.status:
        conditions.append(Job.status.in_(wanted.status))
    if wanted.tag is not None:
        conditions.append(exists().where(JobTag.job_id == Job.id, JobTag.tag == wanted.tag))
    return statement.where(*conditions)
