"""One attempt at a job, from its data to its recorded result."""

from __future__ import annotations

import math
import time
from functools import partial

import torch

from shared.errors import DatabaseUnavailable
from shared.jobs.running import attempts
from shared.jobs.running.claims import Claim
from shared.telemetry import tracing
from worker.run_job.context import Context
from worker.run_job.data.images import load_images
from worker.run_job.lease import Lease, retry_until_written
from worker.run_job.records import artifacts, checkpoint_store
from worker.run_job.records.checkpoint_store import CheckpointStore
from worker.run_job.records.recorder import Recorder
from worker.run_job.records.storage_access import StorageAccess, clean_up
from worker.run_job.reuse import Reuse
from worker.training import engines
from worker.training.data import LoadedDataset
from worker.training.device import Environment, environment
from worker.training.errors import CheckpointUnwritable, LeaseLost
from worker.training.plan import TrainingPlan, plan_from_spec
from worker.training.results import EpochResult, TrainingResult
from worker.training.state.chain import Chain
from worker.training.state.checkpoints import Checkpointing, State, origin_of
from worker.training.trainer import train


class Attempt:
    """One attempt at training: loads the data, trains from the newest checkpoint and records the result.

    Args:
        context: the worker's parts.
        claim: the job.
        lease: the claim's lease, entered.
        recorder: writes epochs and log lines.
    """

    def __init__(self, context: Context, claim: Claim, lease: Lease, recorder: Recorder) -> None:
        self._context = context
        self._claim = claim
        self._submitted = time.monotonic() - claim.waited_seconds
        self._lease = lease
        self._recorder = recorder
        self._access = StorageAccess(lease, recorder, context.settings.stop_grace_seconds)
        self._store = CheckpointStore(context.db, context.storage, self._access, claim)
        self._reuse = Reuse(context, claim, lease, recorder, self._access)
        self._final: State | None = None
        self._device = torch.device(context.device.torch_name)

    def run(self) -> None:
        """Load the data, train, evaluate, store the artifacts and record the result; or take that of an equal job.

        Raises:
            TrainingError, FlightlineError: the attempt failed.
            JobInterrupted: the attempt is to end before the run does.
        """
        context, claim = self._context, self._claim
        plan = plan_from_spec(claim.spec)
        self._recorder.add_line("INFO", f"Attempt {claim.attempt} on {context.device.name} by {context.identity.id}")
        data = self._load(plan)
        about = environment(plan, data.fingerprint, self._device, engines.choose(plan.engine, plan, self._device).name)
        if self._reuse.serve(about):
            checkpoint_store.discard(context.storage, claim.job_id)
            return
        self._reuse.pause(about)
        self._reuse.require_no_leader()
        steps = math.ceil(len(data.train) / plan.batch_size)
        state, chain = self._resume(plan, about, steps)
        keeps = claim.reuses and context.settings.kept_checkpoints_bytes > 0 and chain.goes_on()
        result = train(
            plan,
            data,
            self._device,
            on_epoch=self._add_epoch,
            check=self._check,
            resume=state,
            checkpoints=Checkpointing(
                lambda state: self._save(state, chain),
                context.settings.checkpoint_seconds,
                final=self._hold if keeps else None,
            ),
            pause_after=claim.pause_after,
            goes_on=self._goes_on,
        )
        with tracing.span("store results", {}):
            self._finish(result)
        if self._final is not None:
            self._store.keep(self._final, chain.of(self._final), context.settings.kept_checkpoints_bytes)

    def _hold(self, state: State) -> None:
        """Hold the state of the last epoch until the job has succeeded."""
        self._final = state

    def _add_epoch(self, result: EpochResult) -> None:
        self._recorder.add_epoch(result)
        figures = {"flightline.epoch": result.epoch, "flightline.val_accuracy": result.val_accuracy}
        tracing.record("epoch", result.seconds, figures)

    def _check(self) -> None:
        self._lease.check()
        self._recorder.flush_if_due()

    def _goes_on(self, epoch: int) -> int | None:
        """The epoch up to which the job goes on from its rung at once, without a pause; None where it pauses."""
        from shared.sweeps import progress

        if self._claim.sweep is None:
            return None
        retry_until_written(self._lease, self._recorder.flush)
        ask = partial(progress.next_rung, self._context.db, self._claim, epoch)
        rung = retry_until_written(self._lease, ask)
        if rung is not None:
            self._context.advance_sweep(self._claim.sweep)  # another point may have waited for this one's figures
        return rung

    def _save(self, state: State, chain: Chain) -> None:
        """Save a state, once every epoch before it is recorded: a run resumed from it reports none of them again.

        Raises:
            CheckpointUnwritable, LeaseLost: as `CheckpointStore.save`.
        """
        try:
            self._recorder.flush()
        except DatabaseUnavailable as error:
            raise CheckpointUnwritable(str(error)) from error
        self._store.save(state, chain.of(state))

    def _load(self, plan: TrainingPlan) -> LoadedDataset:
        with tracing.span("load images", {"flightline.dataset": plan.dataset.name}):
            return load_images(self._context, self._lease, self._recorder, plan.dataset, self._submitted)

    def _resume(self, plan: TrainingPlan, about: Environment, steps: int) -> tuple[State | None, Chain]:
        """The state to resume from, or None, once this attempt's environment and first epoch are recorded.

        With it comes the chain of the run that begins or goes on here.
        """
        claim, db = self._claim, self._context.db
        state, exact = self._store.latest(
            origin_of(plan, about),
            lambda line: self._recorder.add_line("WARNING", line),
            adopts=lambda name: engines.may_resume(name, plan, self._device),
        )
        prefix = self._reuse.prefix(plan, about, steps) if state is None else None
        if prefix is not None:
            state, exact = prefix.state, prefix.exact
        if state is not None:
            about = {**about, "engine": state.origin["engine"]}
            self._recorder.add_line("INFO", f"Resumed in epoch {state.epoch} after {state.batches} batches")
        first = 1 if state is None else state.epoch if prefix is None else prefix.epochs + 1
        self._recorder.best = retry_until_written(self._lease, lambda: attempts.best_before(db, claim.job_id, first))
        recorded = retry_until_written(
            self._lease,
            lambda: attempts.record_environment(
                db,
                claim,
                about,
                engine=str(about["engine"]),
                exact=exact and (state is None or bool(state.content["exact"])),
                first_epoch=first if claim.attempt > 1 or prefix is not None else None,
                from_checkpoint=state is not None,
                lead=claim.pause_after is None,
                seen=self._reuse.seen,
            ),
        )
        if not recorded:
            self._reuse.give_way()
        return state, Chain(plan, about, steps)

    def _finish(self, result: TrainingResult) -> None:
        context, claim, recorder = self._context, self._claim, self._recorder
        keep = context.settings.keep_weights
        rows = self._access.store(lambda: artifacts.store(context.storage, claim, result, keep))
        early = ", stopped early" if result.stopped_early else ""
        accuracy = result.evaluations["last"].accuracy
        test = f", test accuracy {result.evaluations['test'].accuracy:.4f}" if "test" in result.evaluations else ""
        said = f"Finished after {result.epochs} epochs{early}: validation accuracy {accuracy:.4f}{test}"
        recorder.add_line("INFO", said)
        recorded = retry_until_written(
            self._lease,
            lambda: attempts.succeed(
                context.db,
                claim,
                epochs=recorder.pending_epochs(),
                best=recorder.best,
                exact=result.exact,
                evaluations=artifacts.evaluation_rows(result),
                artifacts=rows,
                finished_epochs=result.epochs,
                lines=recorder.pending_lines(),
                keep_lines=context.settings.log_lines_per_job,
            ),
        )
        if not recorded:
            clean_up(lambda: context.storage.delete(row["path"] for row in rows))
            raise LeaseLost
        checkpoint_store.discard(context.storage, claim.job_id)
