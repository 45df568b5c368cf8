"""Turns: the order in which a sweep takes in results, where points that come later rest on those it knows.

Jobs end in whatever order machines are fast, and are killed. So their ends are taken in as if every FLOP took the same
time, one by one, and after each the free place is filled before the next: what is known whenever a point is suggested
or promoted follows from the sweep alone. A job that has ended before its turn keeps its place until then.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import ColumnElement, select

from shared.database.tables import Job, SweepTrial
from shared.jobs.guarded_write import table_of
from shared.sweeps.progress.promotions import next_promotion
from shared.sweeps.status import TrialState

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from sqlalchemy import Row

    from shared.sweeps.progress.step import Step

Flops = TypeVar("Flops", int, ColumnElement[int])

OF_ITS_JOB = select(Job.flops_per_epoch).where(Job.id == table_of(SweepTrial).c.job_id).scalar_subquery()
"""FLOPs of an epoch of a trial's job, in a statement that changes the trial."""
_UNIT = 1_000_000
"""FLOPs of one unit of the clock: a large sweep takes more of them than an integer of a database holds."""


def turn(step: Step, rung: int, flops_per_epoch: Flops) -> Flops:
    """Return the turn of a job that starts now, and runs to a rung from the one before."""
    epochs = step.rungs[rung] - (step.rungs[rung - 1] if rung else 0)
    return step.clock + epochs * (flops_per_epoch // _UNIT)


def in_turn(step: Step, rows: Sequence[Row[Any]], ended: Collection[Row[Any]]) -> list[Row[Any]]:
    """Return the one trial that is taken in now, none where its job still runs, or a place is to be filled before.

    Args:
        step: the step, which knows how many jobs are live, and which trials are due.
        rows: the open trials.
        ended: those whose jobs run no more.
    """
    places = sorted((row for row in rows if row.state == TrialState.LIVE), key=lambda row: (row.turn, *row[:2]))
    taken = [row for row in places[:1] if row in ended and _is_full(step)]
    step.next_has_ended = any(row in ended for row in places[len(taken) : len(taken) + 1])
    if taken:
        step.clock, step.changed = max(step.clock, taken[0].turn), True
    return taken


def _is_full(step: Step) -> bool:
    """Whether nothing is to be started before another result is taken in."""
    if step.live >= step.request.max_parallel:
        return True
    return not step.due and step.next is None and next_promotion(step) is None
