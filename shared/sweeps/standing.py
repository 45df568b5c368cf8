"""How a point is shown: as its jobs are, for as long as its sweep has not decided what becomes of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from shared.jobs.status import JobStatus
from shared.sweeps.status import PointStatus, TrialState

if TYPE_CHECKING:
    from collections.abc import Collection


class Standing(NamedTuple):
    """A trial of a point: its state, and its job's status, None where it was deleted or could not be made."""

    state: TrialState
    job: JobStatus | None


def shown(status: PointStatus, trials: Collection[Standing], repeats: int) -> PointStatus:
    """Return the status of a point as it is shown.

    `running`: one of its jobs runs. `queued`: none does, and one is queued, is to go on, or is to be made.
    `undecided`: its jobs have ended or paused, and the result waits for its turn, or for the sweep to go on.

    Args:
        status: the status that is stored.
        trials: those of its trials that have been made.
        repeats: how many there are to be.
    """
    if status != PointStatus.RUNNING:
        return status
    jobs = {trial.job for trial in trials}
    if JobStatus.RUNNING in jobs:
        return PointStatus.RUNNING
    due = Standing(TrialState.DUE, JobStatus.PAUSED) in trials
    return PointStatus.QUEUED if due or JobStatus.QUEUED in jobs or len(trials) < repeats else PointStatus.UNDECIDED
