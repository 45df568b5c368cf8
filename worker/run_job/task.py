"""The Celery task: claim, train, record. The only place that turns a job's interruptions and errors into its end."""

from __future__ import annotations

import logging
import os
import signal
import traceback
from collections.abc import Iterator
from contextlib import AbstractContextManager
from functools import partial
from typing import Any

from shared import logs
from shared.errors import DatabaseUnavailable, FlightlineError
from shared.jobs.data_needs import Needs, needs_of, needs_of_spec
from shared.jobs.reuse import prefixes
from shared.jobs.running import attempts
from shared.jobs.running.claims import Claim
from shared.jobs.running.retry_policy import Ending
from shared.jobs.status import FINISHED, JobKind, JobStatus, Outcome
from shared.telemetry import tracing
from shared.telemetry.tracing import SpanKind
from worker.run_job.context import Context
from worker.run_job.lease import Lease, retry_until_written
from worker.run_job.records import checkpoint_store
from worker.run_job.records.recorder import JobLogHandler, Recorder
from worker.run_job.reuse import TwinFirst
from worker.run_job.runners import runner_of
from worker.training.errors import (
    CancelRequested,
    DatasetCorrupt,
    DatasetUnavailable,
    JobInterrupted,
    LeaseLost,
    PauseReached,
    TimedOut,
    TrainingError,
)

logger = logging.getLogger(__name__)


def run(context: Context) -> None:
    """Claim the job that this worker should work on next, and work on it; return where there is none for it."""
    try:
        claim = context.search.claim()
    except DatabaseUnavailable as error:
        # The job stays queued, and the reconciler sends another ticket.
        logger.warning("claim_failed", extra={"reason": str(error)})
        return
    if claim is None:
        logger.info("nothing_to_claim")
        return
    with _named(context, claim), _traced(context, claim):
        logger.info("claimed")
        lease = Lease(
            context.db,
            claim,
            context.settings,
            context.stop,
            hung=lambda: _record_hang_and_die(context, claim),
            pulse=context.child_state.beat,
        )
        with lease:
            try:
                _attempt(context, claim, lease)
            except LeaseLost:
                logger.warning("lease_lost")
        if claim.sweep is not None:
            context.advance_sweep(claim.sweep)


def _named(context: Context, claim: Claim) -> AbstractContextManager[None]:
    """Return a block whose log lines name the attempt, its job's owner and the request that submitted the job."""
    attempt = {"job": claim.job_id, "attempt": claim.attempt, "worker": context.identity.id}
    return logs.bound(**attempt, owner=claim.owner, request=claim.origin.request)


def _traced(context: Context, claim: Claim) -> AbstractContextManager[None]:
    """Return a block whose span is a part of the trace of the request that submitted the job, after its wait."""
    parent = claim.origin.traceparent
    if claim.attempt == 1:
        tracing.record("queued", claim.waited_seconds, {"flightline.job": claim.job_id}, parent=parent)
    attributes: tracing.Attributes = {
        "flightline.job": claim.job_id,
        "flightline.attempt": claim.attempt,
        "flightline.kind": claim.kind,
        "flightline.owner": claim.owner,
        "flightline.request": claim.origin.request,
        "flightline.worker": context.identity.id,
        "flightline.device": context.device.name,
    }
    return tracing.span("attempt", attributes, kind=SpanKind.CONSUMER, parent=parent)


def _record_hang_and_die(context: Context, claim: Claim) -> None:
    """Record that the loop hangs, from the lease's thread, and kill this process: nothing else can end the loop."""
    settings = context.settings
    detail = f"The training loop made no step for {settings.stall_seconds:g} s (FLIGHTLINE_STALL_SECONDS), or its "
    detail += f"data were not loaded in {settings.setup_seconds:g} s (FLIGHTLINE_SETUP_SECONDS)."
    try:
        _requeue_or_clean_up(
            context, claim, attempts.end(context.db, claim, Ending(Outcome.LOST, "hung", detail, retryable=True))
        )
    except DatabaseUnavailable as error:
        logger.warning("hung_not_recorded", extra={"reason": str(error)})  # the lease runs out
    os.kill(os.getpid(), signal.SIGKILL)


def _attempt(context: Context, claim: Claim, lease: Lease) -> None:
    recorder = Recorder(context.db, claim, context.settings.log_lines_per_job)
    handler = JobLogHandler(recorder)
    training = logging.getLogger("worker.training")
    training.addHandler(handler)
    try:
        runner_of(context, claim, lease, recorder).run()
        logger.info("succeeded")
        tracing.describe({"flightline.outcome": Outcome.SUCCEEDED})
    except LeaseLost:
        raise
    except BaseException as reason:  # noqa: BLE001 -- every exception ends the attempt, and is recorded
        _record_ending(context, claim, lease, recorder, reason)
    finally:
        training.removeHandler(handler)


def _record_ending(context: Context, claim: Claim, lease: Lease, recorder: Recorder, reason: BaseException) -> None:
    """Record why the attempt did not succeed; where the job is to be tried again, publish it."""
    ending, retry_seconds = _ending(context, claim, lease, reason), context.settings.retry_seconds
    recorder.add_line("INFO" if ending.code is None else "ERROR", ending.detail or f"Attempt {ending.outcome}")
    retry_until_written(lease, recorder.flush)
    status = retry_until_written(lease, lambda: attempts.end(context.db, claim, ending, retry_seconds=retry_seconds))
    logger.info("ended", extra={"outcome": ending.outcome, "status": status, "code": ending.code})
    tracing.describe({"flightline.outcome": ending.outcome}, failure=ending.code)
    _requeue_or_clean_up(context, claim, status)


def _ending(context: Context, claim: Claim, lease: Lease, reason: BaseException) -> Ending:
    """The ending that an exception gives an attempt; without its images a job goes back to those who hold them."""
    if isinstance(reason, DatasetUnavailable | DatasetCorrupt):
        context.dataset_reports.look_again()
        for needs in _needs(context, claim, lease):
            if not context.claimant.holdings.meet(needs):
                retry_until_written(lease, partial(attempts.record_needs, context.db, claim, needs))
                detail = f"Worker {context.identity.id} does not hold the job's images any more: {reason.detail}"
                return Ending(Outcome.RELEASED, detail=detail)
    return ending_of(reason, claim)


def _needs(context: Context, claim: Claim, lease: Lease) -> Iterator[Needs]:
    """What a job needs by itself; for an evaluation also what it needs where the weights do not say their inputs."""
    yield needs_of_spec(claim.spec)
    if claim.kind == JobKind.EVALUATE:
        spec: dict[str, Any] = dict(claim.spec)
        trained = retry_until_written(lease, partial(attempts.spec_of, context.db, spec["job"]))
        if trained is not None:
            yield needs_of(spec["dataset"], trained["dataset"])


def _requeue_or_clean_up(context: Context, claim: Claim, status: JobStatus | None) -> None:
    """Publish a job that is queued again and need not wait; delete what a finished one does not keep."""
    if status == JobStatus.QUEUED:
        context.republish(claim.job_id)
    elif status in FINISHED:
        if not prefixes.keeps(context.db, claim.job_id):
            checkpoint_store.discard(context.storage, claim.job_id)
        checkpoint_store.make_room(context.db, context.storage, context.settings.kept_checkpoints_bytes)


def ending_of(reason: BaseException, claim: Claim) -> Ending:
    """The ending that an exception gives an attempt: the only table of them."""
    match reason:
        case CancelRequested() | PauseReached():
            return Ending(Outcome.CANCELLED if isinstance(reason, CancelRequested) else Outcome.PAUSED)
        case TimedOut():
            seconds = claim.spec["limits"]["timeout_seconds"]
            limit = f"The job ran for more than its timeout of {seconds:g} s, all attempts together."
            return Ending(Outcome.TIMED_OUT, "timed_out", f"{limit} Submit it again with a larger one.")
        case JobInterrupted() | SystemExit() | KeyboardInterrupt():
            leader = reason.leader if isinstance(reason, TwinFirst) else None
            detail = leader and f"Job {leader} trains the same: this one follows it."
            return Ending(Outcome.RELEASED, detail=detail, following=leader)
        case MemoryError():
            return Ending(Outcome.FAILED, "out_of_memory", "This machine's memory is full.", retryable=True)
        case TrainingError() | FlightlineError():
            return Ending(Outcome.FAILED, reason.code, reason.detail, retryable=reason.retryable)
        case _:
            logger.error("crashed", exc_info=reason)
            where = traceback.extract_tb(reason.__traceback__)[-1]
            detail = f"{type(reason).__name__}: {reason} ({where.filename.rpartition('/')[2]}:{where.lineno})"
            return Ending(Outcome.FAILED, "internal_error", f"A bug in Flightline: {detail}")
