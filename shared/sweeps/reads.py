"""Reads of sweeps: one, a page of them, and the points of one sorted by value or by number."""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, Literal, NamedTuple, TypeVar

from sqlalchemy import and_, case, exists, func, or_, select, tuple_

from shared.database.tables import Job, Sweep, SweepPoint, SweepTrial
from shared.errors import SweepNotFound
from shared.jobs.guarded_write import table_of
from shared.jobs.status import JobStatus
from shared.sweeps import events
from shared.sweeps.points import repetition
from shared.sweeps.request import SweepRequest
from shared.sweeps.standing import Standing, shown
from shared.sweeps.status import STOPPED, PointStatus, SweepStatus, TrialState

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import ColumnElement, Connection, Row, ScalarSelect

    from shared.database.engine import Database
    from shared.sweeps.events import Reached
    from shared.sweeps.points.space import Point

T = TypeVar("T")
Sort = Literal["value", "number"]
_SWEEPS, _POINTS, _TRIALS = table_of(Sweep), table_of(SweepPoint), table_of(SweepTrial)
_rung = case((_POINTS.c.value.is_(None), -1), else_=_POINTS.c.rung)
"""The rung at which a point has its value; -1 of one that has none."""


@dataclass(frozen=True)
class Best:
    """The best point: of those at the highest rung that any has reached, so that equals are compared."""

    point: int
    params: Point
    value: float
    job_ids: Sequence[str]
    deleted: Sequence[str] = ()
    """Those of its jobs that were deleted."""


@dataclass
class Totals:
    """The jobs of a sweep: how many have each status, the epochs that they trained, and those that it saved.

    A cancelled job of a point that is `stopped` counts as stopped, too: it was not cancelled by itself.
    """

    counts: dict[str, int] = field(
        default_factory=lambda: {status.value: 0 for status in (*JobStatus, PointStatus.STOPPED)}
    )
    trained: int = 0
    saved: int = 0


@dataclass(frozen=True)
class SweepView:
    """A sweep as it stands.

    Attributes:
        id: the sweep.
        owner: its owner, null without authentication.
        name: its name.
        status: its status.
        request: what was asked for, with every default.
        points: how many points there are to be.
        rungs: the epochs after which a job stops, its last one included.
        points_made: points of which a trial was made.
        points_tried: points that have a value, be it at their first rung, or have ended without one.
        points_done: points that run no more and will not.
        points_failed: those of them that have failed.
        jobs: how many of its jobs have each status, as in `Totals`; of a sweep that has ended, had it then, deleted or
            not.
        best: its best point so far; None while there is none.
        error: why the first of its points that failed did so, by number; None where none has.
        warnings: what may not be meant, as its preview says.
        epochs_trained: epochs that its jobs have trained.
        epochs_saved: epochs that jobs did not train, as the sweep stopped them or an equal job had trained the same.
        created_at: when it was made.
        finished_at: when its last job had ended.
    """

    id: str
    owner: str | None
    name: str | None
    status: SweepStatus
    request: Mapping[str, Any]
    points: int
    rungs: Sequence[int]
    points_made: int
    points_tried: int
    points_done: int
    points_failed: int
    jobs: Mapping[str, int]
    best: Best | None
    error: str | None
    warnings: Sequence[str]
    epochs_trained: int
    epochs_saved: int
    created_at: dt.datetime
    finished_at: dt.datetime | None


@dataclass(frozen=True)
class PointView:
    """A point of a sweep as it stands: one configuration, with all its repeats.

    Attributes:
        point: its number, from 0.
        params: its value for each path of the space.
        status: its status, as it is shown (`shared.sweeps.standing`).
        value: mean of its trials' objectives at its rung; None while there is none.
        std: their standard deviation; None for a single trial.
        epoch: epochs after which the value was taken.
        rung: index of the highest rung that it has reached.
        error: why it failed.
        reached: its values as they became known, at its rungs and at its end.
        job_ids: its jobs, by repeat.
        created_at: when its first job was made.
        finished_at: when it had ended.
    """

    point: int
    params: Point
    status: PointStatus
    value: float | None
    std: float | None
    epoch: int | None
    rung: int | None
    error: str | None
    reached: Sequence[Reached]
    job_ids: Sequence[str]
    created_at: dt.datetime
    finished_at: dt.datetime | None
    deleted: Sequence[str] = ()
    """Those of its jobs that were deleted."""


@dataclass(frozen=True)
class Page(Generic[T]):
    """Part of a list, and the cursor of the next one; None on the last page."""

    items: Sequence[T]
    next_cursor: str | None = field(default=None)


def sweep(db: Database, sweep_id: str) -> SweepView:
    """Return a sweep. Raises SweepNotFound."""
    with db.read() as connection:
        return view_in(connection, sweep_id)


def sweeps(
    db: Database,
    *,
    owner: str | None = None,
    status: SweepStatus | None = None,
    cursor: str | None = None,
    limit: int = 50,
) -> Page[SweepView]:
    """Return sweeps, the newest first.

    Args:
        db: the database.
        owner: of this owner alone.
        status: of this status alone.
        cursor: `next_cursor` of the page before; None for the first page.
        limit: most sweeps on the page.
    """
    wanted: list[ColumnElement[bool]] = []
    wanted += [] if owner is None else [Sweep.owner == owner]
    wanted += [] if status is None else [Sweep.status == status]
    wanted += [] if cursor is None else [Sweep.id < cursor]
    newest = select(_SWEEPS).where(*wanted).order_by(Sweep.id.desc()).limit(limit + 1)
    with db.read() as connection:
        rows = connection.execute(newest).all()
        items = _views(connection, rows[:limit])
    return Page(items, items[-1].id if len(rows) > limit else None)


def trials(
    db: Database, sweep_id: str, *, sort: Sort = "number", cursor: str | None = None, limit: int = 100
) -> Page[PointView]:
    """Return points of a sweep, by number or with the best first.

    A point that has come to a higher rung is better than any that has not; points without a value come last.

    Args:
        db: the database.
        sweep_id: the sweep.
        sort: the order.
        cursor: `next_cursor` of the page before in this order; None for the first page.
        limit: most points on the page.

    Raises:
        SweepNotFound: no such sweep.
        ValueError: the cursor is none.
    """
    order = (_POINTS.c.point,) if sort == "number" else (_rung.desc(), _POINTS.c.loss, _POINTS.c.point)
    mine = [_POINTS.c.sweep_id == sweep_id] + ([] if cursor is None else [_after(sort, cursor)])
    with db.read() as connection:
        request = connection.scalar(select(Sweep.request).where(Sweep.id == sweep_id))
        if request is None:
            raise SweepNotFound(sweep_id)
        rows = connection.execute(select(_POINTS).where(*mine).order_by(*order).limit(limit + 1)).all()
        made = _trials_of(connection, [(sweep_id, row.point) for row in rows])
        reached = events.reached(connection, sweep_id, [row.point for row in rows[:limit]])
    last = rows[limit - 1] if len(rows) > limit else None
    items = [
        _point(row, made.get((sweep_id, row.point), []), reached.get(row.point, []), request["repeats"])
        for row in rows[:limit]
    ]
    return Page(items, None if last is None else _cursor(sort, last))


def _cursor(sort: Sort, last: Row[Any]) -> str:
    if sort == "number":
        return str(last.point)
    return f"{-1 if last.value is None else last.rung}:{last.loss!r}:{last.point}"


def _after(sort: Sort, cursor: str) -> ColumnElement[bool]:
    """Return the condition of the points after a cursor. Raises ValueError where it is none."""
    if sort == "number":
        above: ColumnElement[bool] = _POINTS.c.point > int(cursor)
        return above
    rung, loss, point = cursor.split(":")
    there, at, number = int(rung), float(loss), int(point)
    if math.isnan(at):
        raise ValueError(cursor)
    worse = or_(_POINTS.c.loss > at, and_(_POINTS.c.loss == at, _POINTS.c.point > number))
    return or_(_rung < there, and_(_rung == there, worse))


def view_in(connection: Connection, sweep_id: str) -> SweepView:
    """As `sweep`, in a transaction that is under way."""
    row = connection.execute(select(_SWEEPS).where(_SWEEPS.c.id == sweep_id)).one_or_none()
    if row is None:
        raise SweepNotFound(sweep_id)
    return _views(connection, [row])[0]


def _views(connection: Connection, rows: Sequence[Row[Any]]) -> list[SweepView]:
    """Return sweeps as they stand, in as many queries for a hundred as for one."""
    ids = [row.id for row in rows]
    done = _POINTS.c.status.not_in((PointStatus.RUNNING, PointStatus.PAUSED))
    tried = done | _POINTS.c.value.is_not(None)
    failed = _POINTS.c.status == PointStatus.FAILED
    first = func.min(_POINTS.c.point).filter(failed)
    counts = (func.count(), *(func.count().filter(some) for some in (tried, done, failed)), first)
    counted = select(_POINTS.c.sweep_id, *counts).where(_POINTS.c.sweep_id.in_(ids)).group_by(_POINTS.c.sweep_id)
    points = {sweep_id: _Points(*some) for sweep_id, *some in connection.execute(counted)}
    totals, best, errors = _totals(connection, rows), _best(connection, ids), _errors(connection, points)
    return [
        _view(row, points.get(row.id, _Points()), totals[row.id], best.get(row.id), errors.get(row.id)) for row in rows
    ]


class _Points(NamedTuple):
    """How many points of a sweep there are, were tried, have ended, have failed, and which one failed first."""

    made: int = 0
    tried: int = 0
    done: int = 0
    failed: int = 0
    first: int | None = None


def _errors(connection: Connection, points: Mapping[str, _Points]) -> dict[str, str]:
    """Return why the first point of each sweep that failed did so."""
    failed = [(sweep_id, one.first) for sweep_id, one in points.items() if one.first is not None]
    if not failed:
        return {}
    these = tuple_(_POINTS.c.sweep_id, _POINTS.c.point).in_(failed)
    return {row[0]: row[1] for row in connection.execute(select(_POINTS.c.sweep_id, _POINTS.c.error).where(these))}


def _view(row: Row[Any], points: _Points, totals: Totals, best: Best | None, error: str | None) -> SweepView:
    request = SweepRequest.model_validate(row.request)
    return SweepView(
        id=row.id,
        owner=row.owner,
        name=row.name,
        status=SweepStatus(row.status),
        request=row.request,
        points=row.points,
        rungs=request.rungs(row.epochs),
        points_made=points.made,
        points_tried=points.tried,
        points_done=points.done,
        points_failed=points.failed,
        jobs=totals.counts,
        best=best,
        error=error,
        warnings=repetition.warnings(request, row.points),
        epochs_trained=totals.trained,
        epochs_saved=totals.saved,
        created_at=row.created_at,
        finished_at=row.finished_at,
    )


def _totals(connection: Connection, rows: Sequence[Row[Any]]) -> dict[str, Totals]:
    """Return the totals of sweeps: as they were written down at the end of each, else of the jobs that are there."""
    written = {row.id: row.totals for row in rows if row.totals is not None}
    found = {one: Totals(**totals | {"counts": Totals().counts | totals["counts"]}) for one, totals in written.items()}
    return found | totals_of(connection, [row.id for row in rows if row.totals is None])


def totals_of(connection: Connection, sweep_ids: Sequence[str]) -> dict[str, Totals]:
    """Return the totals of the jobs of each sweep that are there."""
    if not sweep_ids:
        return {}
    served = Job.served_from.is_not(None)
    adopted = case((served, Job.epoch), (Job.continued_epochs < Job.epoch, Job.continued_epochs), else_=Job.epoch)
    sums = (
        func.sum(Job.epoch),
        func.sum(adopted).filter(served | Job.continued_epochs.is_not(None)),
        func.sum(Job.epochs - Job.epoch).filter(Job.error_code == STOPPED),
    )
    counted = case(((Job.status == JobStatus.CANCELLED) & _of_stopped_point(), PointStatus.STOPPED), else_=Job.status)
    wanted = select(Job.sweep, counted.label("counted"), func.count(), *sums).where(Job.sweep.in_(sweep_ids))
    found = {sweep_id: Totals() for sweep_id in sweep_ids}
    for sweep_id, status, count, done, taken, spared in connection.execute(wanted.group_by(Job.sweep, "counted")):
        totals = found[sweep_id]
        totals.counts[status] = count
        totals.trained += (done or 0) - (taken or 0)
        totals.saved += (taken or 0) + (spared or 0)
    return found


def _of_stopped_point() -> ColumnElement[bool]:
    """Return whether the point of a job is one that its sweep has stopped."""
    this = (_TRIALS.c.job_id == Job.id, _POINTS.c.sweep_id == _TRIALS.c.sweep_id, _POINTS.c.point == _TRIALS.c.point)
    return exists().where(*this, _POINTS.c.status == PointStatus.STOPPED)


def _best(connection: Connection, sweep_ids: Sequence[str]) -> dict[str, Best]:
    """Return the best point of each sweep that has one."""
    chosen = select(_SWEEPS.c.id, _best_point().label("point")).where(_SWEEPS.c.id.in_(sweep_ids)).subquery()
    this = (_POINTS.c.sweep_id == chosen.c.id) & (_POINTS.c.point == chosen.c.point)
    columns = (_POINTS.c.sweep_id, _POINTS.c.point, _POINTS.c.params, _POINTS.c.value)
    rows = connection.execute(select(*columns).join(chosen, this)).all()
    made = _trials_of(connection, [(row.sweep_id, row.point) for row in rows])
    return {
        row.sweep_id: Best(row.point, row.params, row.value, *_ids(made.get((row.sweep_id, row.point), [])))
        for row in rows
    }


def _best_point() -> ScalarSelect[int]:
    """Return a query for the best point of the sweep of the row that it stands beside."""
    there, highest = _POINTS.alias(), _POINTS.alias()
    valued = [(one.c.sweep_id == _SWEEPS.c.id) & one.c.value.is_not(None) for one in (there, highest)]
    rung = select(func.max(highest.c.rung)).where(valued[1]).correlate(_SWEEPS).scalar_subquery()
    best = select(there.c.point).where(valued[0], there.c.rung == rung).order_by(there.c.loss, there.c.point)
    return best.limit(1).correlate(_SWEEPS).scalar_subquery()


def _trials_of(connection: Connection, points: Sequence[tuple[str, int]]) -> dict[tuple[str, int], list[Row[Any]]]:
    """Return the trials of points, given with their sweeps, by repeat, each with its job's status (null: deleted)."""
    wanted = (
        select(_TRIALS.c.sweep_id, _TRIALS.c.point, _TRIALS.c.job_id, _TRIALS.c.state, Job.status)
        .select_from(_TRIALS.outerjoin(table_of(Job), Job.id == _TRIALS.c.job_id))
        .where(tuple_(_TRIALS.c.sweep_id, _TRIALS.c.point).in_(points))
        .order_by(_TRIALS.c.point, _TRIALS.c.repeat)
    )
    found: dict[tuple[str, int], list[Row[Any]]] = {}
    for row in connection.execute(wanted):
        found.setdefault((row.sweep_id, row.point), []).append(row)
    return found


class Ids(NamedTuple):
    """The jobs of a point by repeat, and those of them that were deleted."""

    every: Sequence[str]
    deleted: Sequence[str]


def _ids(trials: Sequence[Row[Any]]) -> Ids:
    jobs = [row for row in trials if row.job_id is not None]
    return Ids(tuple(row.job_id for row in jobs), tuple(row.job_id for row in jobs if row.status is None))


def _point(row: Row[Any], trials: Sequence[Row[Any]], reached: Sequence[Reached], repeats: int) -> PointView:
    columns = {name: value for name, value in row._asdict().items() if name not in ("sweep_id", "loss", "status")}
    standings = [Standing(TrialState(trial.state), trial.status and JobStatus(trial.status)) for trial in trials]
    status, ids = shown(PointStatus(row.status), standings, repeats), _ids(trials)
    return PointView(**columns, status=status, job_ids=ids.every, deleted=ids.deleted, reached=reached)
