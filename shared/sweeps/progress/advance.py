"""`advance`: a sweep is brought up to date, by whoever comes to it, as often as they like.

Each decision is one transaction that holds the sweep's row. What takes long is done before it: checking the jobs of new
trials, and asking for suggestions. They depend on the trial's number, and on results that no longer change, so that it
does not matter who prepared them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.sweeps.progress.preparation import Preparation
from shared.sweeps.progress.results import collect
from shared.sweeps.progress.starts import start
from shared.sweeps.progress.step import locked
from shared.sweeps.progress.stops import cancel_open, stop_waiting
from shared.sweeps.status import SweepStatus

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Connection

    from shared.database.engine import Database
    from shared.sweeps.points.trials import Trial
    from shared.sweeps.progress.starts import Prepared
    from shared.sweeps.progress.step import Step


def advance(db: Database, sweep_id: str) -> list[str]:
    """Take in the results of a sweep's jobs, promote points, make trials, and end the sweep when nothing is left to do.

    Returns:
        The ids of the jobs that were queued. The caller must publish them (`shared.delivery.publisher.publish_many`).

    Raises:
        DatabaseUnavailable: what was decided before stays, and is published by the reconciler.
        SuggestionFailed: Optuna could not be asked for the next point.
    """
    preparation = Preparation(db, sweep_id)
    queued: list[str] = []
    while True:
        ready = preparation.ready
        step = db.write(lambda connection, ready=ready: _step(connection, sweep_id, ready))  # type: ignore[misc]
        if step is None:
            return queued
        queued += step.queued
        if not step.more and not preparation.prepare(step.wanted, free=step.request.max_parallel - step.live):
            return queued


def _step(connection: Connection, sweep_id: str, ready: Mapping[Trial, Prepared]) -> Step | None:
    step = locked(connection, sweep_id)
    if step is None:
        return None
    collect(step)
    if step.status == SweepStatus.RUNNING and start(step, ready):
        stop_waiting(step)
    if step.status == SweepStatus.CANCELLED:
        cancel_open(step)
    step.close()
    return step
