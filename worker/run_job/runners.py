"""The runner of each kind of job: does the work that a claimed job asks for."""

from __future__ import annotations

from typing import Protocol, assert_never

from shared.jobs.running.claims import Claim
from shared.jobs.status import JobKind
from worker.run_job.attempt import Attempt
from worker.run_job.context import Context
from worker.run_job.evaluation import EvaluationAttempt
from worker.run_job.lease import Lease
from worker.run_job.records.recorder import Recorder


class Runner(Protocol):
    """Works on a claimed job of one kind, from its spec to its recorded success."""

    def run(self) -> None:
        """Do the job's work, and record its success with `attempts.succeed`.

        Raises:
            TrainingError, FlightlineError: the attempt failed.
            JobInterrupted: the attempt is to end here, because the lease's `check` says so.
        """


def runner_of(context: Context, claim: Claim, lease: Lease, recorder: Recorder) -> Runner:
    """The runner of the claimed job's kind, with the parts that it works with."""
    match claim.kind:
        case JobKind.TRAIN:
            return Attempt(context, claim, lease, recorder)
        case JobKind.EVALUATE:
            return EvaluationAttempt(context, claim, lease, recorder)
        case JobKind.IMPORTED:
            raise ValueError(f"Job {claim.job_id} was imported: it has ended, and is never claimed.")
        case _:
            assert_never(claim.kind)
