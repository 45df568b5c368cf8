"""How points are shown while nothing of them is decided."""

from __future__ import annotations

import pytest

from shared.jobs.status import JobStatus
from shared.sweeps.standing import Standing, shown
from shared.sweeps.status import PointStatus, TrialState

RUNS = Standing(TrialState.LIVE, JobStatus.RUNNING)
QUEUED = Standing(TrialState.LIVE, JobStatus.QUEUED)
ENDED = Standing(TrialState.LIVE, JobStatus.SUCCEEDED)
PAUSED = Standing(TrialState.LIVE, JobStatus.PAUSED)
TAKEN_IN = Standing(TrialState.WAITING, JobStatus.PAUSED)
REFUSED = Standing(TrialState.ENDED, None)


@pytest.mark.parametrize(
    "trials, expected",
    [
        ([RUNS, QUEUED, ENDED], PointStatus.RUNNING),
        ([RUNS, TAKEN_IN], PointStatus.RUNNING),
        ([QUEUED, PAUSED, TAKEN_IN], PointStatus.QUEUED),
        ([Standing(TrialState.DUE, JobStatus.PAUSED), TAKEN_IN, ENDED], PointStatus.QUEUED),
        ([Standing(TrialState.DUE, JobStatus.CANCELLED), TAKEN_IN, ENDED], PointStatus.UNDECIDED),
        ([PAUSED, TAKEN_IN], PointStatus.QUEUED),
        ([PAUSED, TAKEN_IN, REFUSED], PointStatus.UNDECIDED),
        ([Standing(TrialState.LIVE, None), ENDED, ENDED], PointStatus.UNDECIDED),
    ],
)
def test_a_point_of_three_repeats_of_which_nothing_is_decided(trials: list[Standing], expected: PointStatus) -> None:
    """It is as its jobs are: those that run before those that are to, and those before the ones that have ended."""
    assert shown(PointStatus.RUNNING, trials, 3) == expected


@pytest.mark.parametrize("status", [one for one in PointStatus if one != PointStatus.RUNNING])
def test_a_point_of_which_it_is_decided(status: PointStatus) -> None:
    """It is what was decided, whatever becomes of its jobs."""
    assert shown(status, [RUNS, QUEUED], 3) == status
