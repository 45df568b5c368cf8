"""`advance`: a sweep is brought up to date, by whoever comes to it, as often as they like.

Each decision is one transaction that holds the sweep's row. What takes long is done before it: checking the jobs of new
trials, and asking for suggestions. They depend on the trial's number, and suggestions on results that no others join
until the suggested point is made, so that it does not matter who prepared them.
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
    from collections.abc import Iterator

    from sqlalchemy import Connection

    from shared.database.engine import Database
    from shared.sweeps.progress.step import Step


def advance(db: Database, sweep_id: str) -> list[str]:
    """Bring a sweep up to date, as `steps`; return the ids of all jobs that were queued."""
    return [job_id for queued in steps(db, sweep_id) for job_id in queued]


def steps(db: Database, sweep_id: str) -> Iterator[list[str]]:
    """Take in the results of a sweep's jobs, promote points, make trials, and end the sweep when nothing is left to do.

    Whoever stops half way leaves nothing half done: the next one who comes to the sweep goes on.

    Yields:
        After each step the ids of the jobs that it queued, for the caller to publish
        (`shared.delivery.publisher.publish_many`).

    Raises:
        DatabaseUnavailable: what was decided before stays, and is published by the reconciler.
        SuggestionFailed: Optuna could not be asked for the next point.
    """
    preparation = Preparation(db, sweep_id)
    while True:
        step = db.write(lambda connection: _step(connection, sweep_id, preparation))
        if step is None:
            return
        yield step.queued
        if not step.more and not preparation.prepare(step.wanted, step.free):
            return


def _step(connection: Connection, sweep_id: str, preparation: Preparation) -> Step | None:
    step = locked(connection, sweep_id)
    if step is None:
        return None
    collect(step)
    if step.status == SweepStatus.RUNNING and start(step, preparation.ready):
        stop_waiting(step)
    step.more = step.more or (step.next_has_ended and step.changed and not step.wanted)
    if step.status == SweepStatus.CANCELLED:
        cancel_open(step)
    step.close()
    return step
