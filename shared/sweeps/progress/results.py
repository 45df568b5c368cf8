"""Results: what the jobs of open trials have come to, and where their points stand after it."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import bindparam, func, select, text, update

from shared.database import clock
from shared.database.tables import Epoch, Job, SweepPoint, SweepRung, SweepTrial
from shared.database.tables.sweeps import OPEN
from shared.jobs.guarded_write import insert_rows, table_of
from shared.jobs.status import JobStatus
from shared.sweeps.progress.step import NO_LOSS
from shared.sweeps.progress.turns import in_turn
from shared.sweeps.status import PointStatus, SweepStatus, TrialState

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlalchemy import Row

    from shared.sweeps.progress.step import Step

CANCELLED_WITH_SWEEP = "Stopped as its sweep was cancelled."
"""Why a point is stopped, not failed, whose jobs were cancelled with their sweep."""
_TRIALS = table_of(SweepTrial)
_POINTS = table_of(SweepPoint)


class End(NamedTuple):
    """How a trial's job stands that runs no more: the state and rung of the trial, and why it failed."""

    state: TrialState
    rung: int
    error: str | None = None


def collect(step: Step, reached: str | None = None) -> None:
    """Take in the jobs of open trials that run no more, count the others, and note where the points stand.

    Where the sweep goes by turns, the next one alone is taken in, and only in its turn.

    The job `reached` counts as paused: it runs, and has come to its rung.
    """
    rows = step.connection.execute(_OPEN, {"sweep": step.sweep_id}).all()
    at_rung = [row for row in rows if row.job_id == reached and row.status == JobStatus.RUNNING]
    ends = {row: end for row in rows if (end := _end_of(row, step)) is not None}
    ends |= {row: End(TrialState.WAITING, row.rung) for row in at_rung}
    step.live = sum(row.state == TrialState.LIVE for row in rows)
    step.due = [row for row in rows if row.state == TrialState.DUE]
    taken = in_turn(step, rows, ends) if step.by_turns else list(ends)
    if not taken:
        return
    step.live -= sum(row.state == TrialState.LIVE for row in taken)
    step.due = [row for row in step.due if row not in taken]
    values = _values(step, [row.job_id for row in taken if ends[row].error is None])
    write_ends(step, [(row, ends[row], values.get(row.job_id)) for row in taken])
    settle(step, {row.point: ends[row].error for row in taken}, _epochs_of(taken))


_OPEN = (
    select(*(_TRIALS.c[name] for name in ("point", "repeat", "job_id", "state", "rung", "turn")))
    .add_columns(Job.status, Job.epoch, Job.error_detail)
    .select_from(_TRIALS.outerjoin(table_of(Job), Job.id == _TRIALS.c.job_id))
    .where(_TRIALS.c.sweep_id == bindparam("sweep"), text(OPEN))
    .order_by(_TRIALS.c.point, _TRIALS.c.repeat)
)
"""The open trials with how their jobs stand. Statements are built once, as that takes longer than executing them."""
_TRIALS_OF = select(_TRIALS.c.point, _TRIALS.c.state, _TRIALS.c.rung, _TRIALS.c.value).where(
    _TRIALS.c.sweep_id == bindparam("sweep"), _TRIALS.c.point.in_(bindparam("points", expanding=True))
)
_POINTS_OF = select(_POINTS.c.point, _POINTS.c.rung, _POINTS.c.error).where(
    _POINTS.c.sweep_id == bindparam("sweep"), _POINTS.c.point.in_(bindparam("points", expanding=True))
)
_END = update(_TRIALS).where(
    _TRIALS.c.sweep_id == bindparam("sweep"),
    _TRIALS.c.point == bindparam("of_point"),
    _TRIALS.c.repeat == bindparam("of_repeat"),
)


def _end_of(row: Row[Any], step: Step) -> End | None:
    """Return how an open trial stands; None where its job runs, or is to go on."""
    match row.status:
        case None:
            return End(TrialState.ENDED, row.rung, f"Its job {row.job_id} was deleted.")
        case JobStatus.QUEUED | JobStatus.RUNNING:
            return None
        case JobStatus.PAUSED:
            return None if row.state == TrialState.DUE else End(TrialState.WAITING, row.rung)
        case JobStatus.SUCCEEDED:  # perhaps before the rung: it stopped early, or its worker knows no pause
            return End(TrialState.ENDED, step.last_rung)
    if row.status == JobStatus.CANCELLED and step.status == SweepStatus.CANCELLED:
        return End(TrialState.ENDED, row.rung, CANCELLED_WITH_SWEEP)
    what = "failed" if row.status == JobStatus.FAILED else f"was {row.status}"
    why = f": {row.error_detail}" if row.error_detail else "."
    return End(TrialState.ENDED, row.rung, f"Its job {row.job_id} {what}{why}")


def _values(step: Step, job_ids: Sequence[str]) -> dict[str, float]:
    """Return the objectives of jobs, over the epochs that they have run."""
    if not job_ids:
        return {}
    objective = step.request.objective
    figure = table_of(Epoch).c[objective.metric]
    if objective.at == "best":
        best = (func.max if objective.direction == "max" else func.min)(figure)
        wanted = select(Epoch.job_id, best).where(Epoch.job_id.in_(job_ids)).group_by(Epoch.job_id)
    else:
        last = (Epoch.job_id == Job.id) & (Epoch.epoch == Job.epoch)
        wanted = select(Epoch.job_id, figure).join(Job, last).where(Job.id.in_(job_ids))
    return {row[0]: row[1] for row in step.connection.execute(wanted)}


def write_ends(step: Step, ends: Iterable[tuple[Row[Any], End, float | None]]) -> None:
    """Write how trials ended, with their objectives."""
    rows = [
        {"sweep": step.sweep_id, "of_point": row.point, "of_repeat": row.repeat}
        | {"state": end.state, "rung": end.rung, "value": value}
        for row, end, value in ends
    ]
    step.connection.execute(_END, rows)


def _epochs_of(rows: Sequence[Row[Any]]) -> dict[int, int]:
    """Return the epochs that the jobs of each point have run."""
    epochs: dict[int, int] = {}
    for row in rows:
        epochs[row.point] = max(epochs.get(row.point, 0), row.epoch or 0)
    return epochs


def settle(step: Step, points: dict[int, str | None], epochs: dict[int, int]) -> None:
    """Note where points stand whose trials have all come to a stop; of a cancelled sweep, those that have been made.

    Args:
        step: the step.
        points: points of which a trial has come to a stop, with the error of one that failed.
        epochs: the epochs that the jobs of each point have run.
    """
    mine = {"sweep": step.sweep_id, "points": list(points)}
    trials: dict[int, list[Row[Any]]] = {point: [] for point in points}
    for row in step.connection.execute(_TRIALS_OF, mine):
        trials[row.point].append(row)
    known = {row.point: row for row in step.connection.execute(_POINTS_OF, mine)}
    stands: list[dict[str, Any]] = []
    for point, found in sorted(trials.items()):
        error = known[point].error or points[point]  # of several repeats the first that failed says why
        running = any(row.state in (TrialState.LIVE, TrialState.DUE) for row in found)
        more = len(found) < step.request.repeats and step.status != SweepStatus.CANCELLED
        if running or more:
            _keep_error(step, point, error)
        else:
            reached = -1 if known[point].rung is None else known[point].rung
            stands += _stand(step, point, found, reached, error, epochs.get(point, 0))
    insert_rows(step.connection, SweepRung, stands, sweep_id=step.sweep_id)


def _keep_error(step: Step, point: int, error: str | None) -> None:
    """Keep the error of a failed trial until the others of its point have come to a stop."""
    if error:
        this = (_POINTS.c.sweep_id == step.sweep_id, _POINTS.c.point == point)
        step.connection.execute(update(_POINTS).where(*this).values(error=error))


def _stand(
    step: Step, point: int, trials: Sequence[Row[Any]], reached: int, error: str | None, epochs: int
) -> list[dict[str, Any]]:
    """Write a point whose trials have all come to a stop; return its rows of `sweep_rungs`."""
    if error == CANCELLED_WITH_SWEEP:
        _stand_still(step, point, reached, epochs)
        return []
    values = [row.value for row in trials if row.value is not None]
    failed = len(values) < step.request.repeats
    waiting = not failed and any(row.state == TrialState.WAITING for row in trials)
    rung = min(reached + 1, step.last_rung) if failed else min(row.rung for row in trials)
    value = None if failed else statistics.fmean(values)
    loss = NO_LOSS if value is None else step.request.objective.loss(value)
    status = PointStatus.PAUSED if waiting else PointStatus.SUCCEEDED
    if failed:
        status, error = PointStatus.FAILED, error or "It has no figures."
    written = {
        "status": status,
        "rung": rung,
        "epoch": step.rungs[rung] if waiting else epochs,
        "value": value,
        "std": statistics.stdev(values) if len(values) > 1 and not failed else None,
        "loss": loss,
        "error": error,
        "finished_at": None if waiting else clock.database_now(step.connection),
    }
    this = (_POINTS.c.sweep_id == step.sweep_id, _POINTS.c.point == point)
    step.connection.execute(update(_POINTS).where(*this).values(written))
    told = {name: written[name] for name in ("status", "rung", "epoch", "value", "error")}
    step.tell("ended", point=point, **told)
    stands = range(reached + 1, rung + 1)
    return [{"rung": r, "point": point, "loss": loss, "waiting": waiting and r == rung} for r in stands]


def _stand_still(step: Step, point: int, reached: int, epochs: int) -> None:
    """Write a point that has ended with its sweep: what it had reached at a rung stays, and nothing is added."""
    written: dict[str, Any] = {"status": PointStatus.STOPPED, "finished_at": clock.database_now(step.connection)}
    written |= {} if reached >= 0 else {"epoch": epochs}
    this = (_POINTS.c.sweep_id == step.sweep_id, _POINTS.c.point == point)
    step.connection.execute(update(_POINTS).where(*this).values(written))
    to = min(reached + 1, step.last_rung)
    step.tell("ended", point=point, status=PointStatus.STOPPED, rung=to, epoch=epochs, value=None, error=None)
