"""What an attempt uses of jobs that went the same way: a finished twin's result, or a checkpoint to go on from.

Both are looked for once the images are loaded, as only then it is known which data the job would be trained on.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import partial
from typing import Any, NamedTuple, NoReturn

from shared.errors import StorageError
from shared.jobs.reuse import prefixes, serving, twins
from shared.jobs.reuse.prefixes import Donor
from shared.jobs.reuse.serving import Served, Source
from shared.jobs.running import attempts
from shared.jobs.running.claims import Claim
from worker.run_job.context import Context
from worker.run_job.lease import Lease, retry_until_written
from worker.run_job.records.artifacts import file_names
from worker.run_job.records.recorder import Recorder
from worker.run_job.records.storage_access import StorageAccess, clean_up
from worker.training.device import Environment
from worker.training.errors import CheckpointUnreadable, InvalidPlan, JobInterrupted, LeaseLost, PauseReached
from worker.training.plan import TrainingPlan, plan_from_spec
from worker.training.state.chain import Chain
from worker.training.state.checkpoints import State, adopted, decode

logger = logging.getLogger(__name__)

_SAID = ("engine", "device", "capability", "torch")


class TwinFirst(JobInterrupted):
    """An equal job trains right now, and this one is to follow it; or it has just succeeded, and is to serve this one.

    Args:
        leader: the job that trains; None for one that has succeeded.
    """

    def __init__(self, leader: str | None) -> None:
        super().__init__(leader)
        self.leader = leader


class Prefix(NamedTuple):
    """Another job's state, whether going on from it is exact, and the number of its epochs that are the job's now."""

    state: State
    exact: bool
    epochs: int


class Reuse:
    """One attempt's look at what jobs that went the same way have left.

    Args:
        context: the worker's parts.
        claim: the job.
        lease: the claim's lease, entered.
        recorder: writes the job's log.
        access: reaches the storage while it may be unavailable.
    """

    def __init__(self, context: Context, claim: Claim, lease: Lease, recorder: Recorder, access: StorageAccess) -> None:
        self._context, self._claim, self._lease = context, claim, lease
        self._recorder, self._access = recorder, access
        self.seen = frozenset[str]()
        """The succeeded twins that were looked at."""
        self._whole = claim.reuses and claim.pause_after is None

    def serve(self, about: Environment) -> bool:
        """Finish the job with the result of a twin, where there is one; return whether it is finished.

        Args:
            about: the environment that this attempt would train in.

        Raises:
            LeaseLost: the job is another worker's by now.
        """
        if not self._whole:
            return False
        found = retry_until_written(self._lease, partial(serving.sources, self._context.db, self._claim))
        self.seen = frozenset(source.job_id for source in found)
        return any(self._serves(source, about) and self._served_by(source) for source in found)

    def pause(self, about: Environment) -> None:
        """Where a twin has trained beyond the epoch at which the job is to pause, take its epochs up to there.

        No checkpoint comes with them: the job goes on with the twin's later epochs, or begins at the start.

        Args:
            about: the environment that this attempt would train in.

        Raises:
            PauseReached: the epochs are the job's now.
            LeaseLost: the job is another worker's by now.
        """
        claim = self._claim
        if not claim.reuses or claim.pause_after is None or claim.checkpoint is not None:
            return
        for source in retry_until_written(self._lease, partial(serving.sources, self._context.db, claim)):
            if source.epochs > claim.pause_after and self._trained_the_same(source, about):
                self._take_part(source, claim.pause_after)

    def _take_part(self, source: Source, epochs: int) -> None:
        claim, db = self._claim, self._context.db
        take = partial(prefixes.adopt, db, claim, source.job_id, epochs, epochs)
        if retry_until_written(self._lease, take) is None:
            return
        recorded = retry_until_written(
            self._lease,
            lambda: attempts.record_environment(
                db,
                claim,
                source.environment,
                engine=str(source.environment["engine"]),
                exact=source.exact,
                first_epoch=epochs + 1,
            ),
        )
        if not recorded:
            raise LeaseLost
        raise PauseReached

    def require_no_leader(self) -> None:
        """Raise TwinFirst where an equal job trains right now."""
        if self._whole and (leader := self._leader()) is not None:
            raise TwinFirst(leader)

    def give_way(self) -> NoReturn:
        """Raise TwinFirst where the job must not begin, or LeaseLost where it is another worker's by now."""
        raise TwinFirst(self._leader()) if self._whole else LeaseLost

    def _leader(self) -> str | None:
        find = partial(twins.leader_of, self._context.db, self._claim.job_id, self._claim.twin_hash)
        return retry_until_written(self._lease, find)

    def prefix(self, plan: TrainingPlan, about: Environment, steps: int) -> Prefix | None:
        """The state of another job to go on from, once its epochs are the job's own; None where there is none.

        With the cache `exact` only a state is taken from which going on is exact.

        Args:
            plan: the job's plan.
            about: the environment that this attempt trains in.
            steps: number of steps of an epoch.
        """
        if not self._claim.reuses:
            return None
        chain, last = Chain(plan, about, steps), min(plan.epochs, self._claim.pause_after or plan.epochs)
        hashes = [chain.at(epoch) for epoch in range(1, last + 1)]
        find = partial(prefixes.donors, self._context.db, self._claim, hashes)
        tried = (
            self._adopted(donor, entry["path"], plan, about, steps)
            for donor in retry_until_written(self._lease, find)
            for entry in donor.entries
            if entry["epoch"] <= last
        )
        return next((found for found in tried if found is not None), None)

    def _serves(self, source: Source, about: Environment) -> bool:
        """Whether the twin has every file that this attempt would write, and trained the same."""
        files = file_names(self._context.settings.keep_weights) <= {row["name"] for row in source.files}
        return files and self._trained_the_same(source, about)

    def _trained_the_same(self, source: Source, about: Environment) -> bool:
        """Whether the twin has this attempt's data, and its bits where asked for."""
        if source.environment.get("data_fingerprint") != about["data_fingerprint"]:
            return False
        same = _same(source.environment, about)
        if self._claim.cache == "exact" and not (source.exact and same):
            self._note(f"Not served from job {source.job_id}: training here would not give its bits. {_where(source)}")
            return False
        where = "" if same else f" It was trained elsewhere, where last digits may differ. {_where(source)}"
        self._note(f"Served from job {source.job_id}, which trained the same: nothing is trained.{where}")
        return True

    def _served_by(self, source: Source) -> bool:
        claim, storage = self._claim, self._context.storage
        paths = {row["path"]: f"{claim.job_id}/{claim.attempt}/{row['name']}" for row in source.files}
        try:
            for path, to in paths.items():
                self._access.fetch(partial(storage.copy, path, to))
            served = self._record(source, [{**row, "path": paths[row["path"]]} for row in source.files])
        except StorageError as error:
            logger.warning("not_served", extra={"source": source.job_id, "reason": str(error)})
            served = Served.GONE
        if served is not Served.DONE:
            clean_up(lambda: storage.delete(paths.values()))
            if served is Served.LOST:
                raise LeaseLost
            self._note(f"Job {source.job_id} is not there any more.")
        return served is Served.DONE

    def _record(self, source: Source, files: list[dict[str, Any]]) -> Served:
        return retry_until_written(
            self._lease,
            lambda: serving.serve(
                self._context.db,
                self._claim,
                source,
                files,
                lines=self._recorder.pending_lines(),
                keep_lines=self._context.settings.log_lines_per_job,
            ),
        )

    def _adopted(self, donor: Donor, path: str, plan: TrainingPlan, about: Environment, steps: int) -> Prefix | None:
        try:
            state = decode(self._access.fetch(partial(self._context.storage.read, path)), path)
            state, exact = adopted(state, plan_from_spec(donor.spec), plan, about)
        except (CheckpointUnreadable, InvalidPlan, StorageError) as error:
            self._note(f"The checkpoint of job {donor.job_id} is not used: {error}")
            return None
        if self._claim.cache == "exact" and not exact:
            self._note(f"The checkpoint of job {donor.job_id} is not used: going on here would not give its bits.")
            return None
        whole = state.epoch if state.batches == steps else state.epoch - 1
        take = partial(prefixes.adopt, self._context.db, self._claim, donor.job_id, state.epoch - 1, whole)
        epochs = retry_until_written(self._lease, take)
        if epochs is None:
            return None
        self._note(f"Goes on from job {donor.job_id}, which went the same way, after its epoch {epochs}")
        return Prefix(state, exact, epochs)

    def _note(self, line: str) -> None:
        self._recorder.add_line("INFO", line)


def _same(environment: Mapping[str, Any], about: Environment) -> bool:
    return all(environment.get(name) == value for name, value in about.items())


def _where(source: Source) -> str:
    engine, device, capability, torch = (source.environment.get(name) for name in _SAID)
    return f"There: {engine} on {device} ({capability}), torch {torch}."
