"""The answers of the HTTP API about many jobs at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from shared.wire.answer import Answer, answer
from shared.wire.jobs import Failure, Job


@answer
class Batch(Answer):
    """The jobs of a batch that was just accepted."""

    items: Sequence[Job]
    """The jobs, in the order of the request. Of a repeated request those are missing that were deleted since."""


@answer
class JobOutcome(Answer):
    """What became of one job that a request about many names."""

    id: str
    """The id, or the end of one, as it was sent."""
    job_id: str | None
    """Id of the job; null where what was sent names no job, or several."""
    outcome: Literal["cancelled", "requested", "deleted"] | None
    """What was done: `requested` where a running job's worker has yet to stop it. Null where nothing was done."""
    error: Failure | None
    """Why nothing was done, as a request about this job alone would say it; null where something was done."""


@answer
class JobOutcomes(Answer):
    """What became of each of the jobs that a request names."""

    items: Sequence[JobOutcome]
    """One entry for each id, in the order of the request."""


@answer
class ImportedRun(Answer):
    """The job of a run that was sent to be imported."""

    run: str
    """The run's id, as it was sent."""
    job_id: str
    """Id of its job."""
    new: bool
    """Whether this request made the job; false where the run had been imported before."""


@answer
class ImportedRuns(Answer):
    """The jobs of the runs that a request sent."""

    items: Sequence[ImportedRun]
    """One entry for each run, in the order of the request."""
