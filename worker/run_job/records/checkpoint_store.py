"""Where a running job's states are stored: in the artifact storage, so that another machine can resume from them.

A state counts only once the fenced write in SQL names it. The newest two are kept: if the newest is damaged, the run
resumes from the one before.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from typing import Any

from shared.database.engine import Database
from shared.errors import DatabaseUnavailable, StorageError, StorageUnavailable
from shared.jobs.reuse import prefixes
from shared.jobs.running import attempts
from shared.jobs.running.claims import Claim
from shared.storage.store import Storage
from worker.run_job.records.storage_access import StorageAccess, clean_up
from worker.training.device import Environment
from worker.training.errors import CheckpointUnreadable, CheckpointUnwritable, LeaseLost
from worker.training.state.checkpoints import State, check_origin, decode, encode

logger = logging.getLogger(__name__)

KEPT = 2
PATIENCE_SECONDS = 30.0
"""How long the loop waits for a state to be written, in addition to the time of its bytes on a slow line."""
SLOWEST_BYTES_PER_SECOND = 1_000_000


def folder(job_id: str) -> str:
    """The storage folder of a job's checkpoints."""
    return f"{job_id}/checkpoints"


class CheckpointStore:
    """One claim's checkpoints.

    Args:
        db: the database.
        storage: the storage for the files.
        access: reaches the storage while it may be unavailable.
        claim: the job and its attempt.
    """

    def __init__(self, db: Database, storage: Storage, access: StorageAccess, claim: Claim) -> None:
        self._db = db
        self._storage = storage
        self._access = access
        self._claim = claim
        self._entries: list[dict[str, Any]] = list((claim.checkpoint or {}).get("entries", []))

    def save(self, state: State, state_hash: str) -> None:
        """Store a state as the one to resume from; `state_hash` is its link of the run's chain.

        Raises:
            CheckpointUnwritable: the state could not be written; the one before still counts.
            LeaseLost: the job is another worker's by now.
        """
        name = f"{self._claim.attempt}-{state.epoch}-{state.batches}"
        path = f"{folder(self._claim.job_id)}/{name}.ckpt"
        encoded = encode(state)
        try:
            self._access.store_soon(
                lambda: self._storage.put(path, encoded), PATIENCE_SECONDS + len(encoded) / SLOWEST_BYTES_PER_SECOND
            )
            entries: list[dict[str, Any]] = [_entry(path, state, len(encoded))]
            entries += [entry for entry in self._entries if entry["path"] != path]
            kept, dropped = entries[:KEPT], entries[KEPT:]
            recorded = attempts.record_checkpoint(
                self._db,
                self._claim,
                {"entries": kept},
                finished_epochs=state.epoch - 1,
                state_hash=state_hash,
            )
            if not recorded:
                clean_up(lambda: self._storage.delete([path]))
                raise LeaseLost
        except (StorageError, StorageUnavailable, DatabaseUnavailable) as error:
            raise CheckpointUnwritable(str(error)) from error
        self._entries = kept
        if dropped:
            clean_up(lambda: self._storage.delete(entry["path"] for entry in dropped))

    def latest(
        self, origin: Environment, note: Callable[[str], None], adopts: Callable[[str], bool] = lambda _: False
    ) -> tuple[State | None, bool]:
        """The newest state that can be read and belongs to this run, and whether resuming from it is exact.

        Args:
            origin: the origin that a state of this run, made here, would have.
            note: called with a log line for each state that is refused.
            adopts: whether the run may resume with the engine of this name, which made a state, instead of its own.

        Raises:
            JobInterrupted: the attempt is to end while it waits for a storage that is unavailable.
        """
        for entry in self._entries:
            path = entry["path"]
            try:
                state = decode(self._access.fetch(partial(self._storage.read, path)), path)
                engine = str(state.origin.get("engine"))
                return state, check_origin(state, {**origin, "engine": engine} if adopts(engine) else origin)
            except (CheckpointUnreadable, StorageError) as error:
                logger.warning("checkpoint_refused", extra={"path": path, "reason": str(error)})
                note(f"A checkpoint is not used: {error}")
        return None, True

    def keep(self, state: State, state_hash: str, most_bytes: int) -> None:
        """Store the state after the last epoch of a job that has succeeded, for longer jobs to go on from.

        At most `most_bytes` of such files are kept; the oldest go first. A failure to store it costs the job nothing.
        """
        path = f"{folder(self._claim.job_id)}/{self._claim.attempt}-{state.epoch}-{state.batches}.ckpt"
        encoded = encode(state)
        try:
            self._storage.put(path, encoded)
            if not prefixes.keep(self._db, self._claim, _entry(path, state, len(encoded)), state_hash):
                self._storage.delete([path])
        except (StorageError, StorageUnavailable, DatabaseUnavailable) as error:
            logger.warning("checkpoint_not_kept", extra={"job": self._claim.job_id, "reason": str(error)})
        make_room(self._db, self._storage, most_bytes)


def _entry(path: str, state: State, size: int) -> dict[str, Any]:
    return {"path": path, "epoch": state.epoch, "batches": state.batches, "bytes": size}


def make_room(db: Database, storage: Storage, most_bytes: int) -> None:
    """Delete the oldest checkpoints that finished jobs have kept, but for `most_bytes` of them."""
    try:
        old = prefixes.make_room(db, most_bytes)
    except DatabaseUnavailable as error:
        logger.warning("no_room_made", extra={"reason": str(error)})
    else:
        clean_up(lambda: storage.delete(old))


def discard(storage: Storage, job_id: str) -> None:
    """Delete a job's checkpoints, as far as possible: a leftover file is no reason to fail a job."""

    def delete() -> None:
        try:
            storage.delete_below(folder(job_id))
        except (StorageError, StorageUnavailable) as error:
            logger.warning("checkpoints_not_deleted", extra={"job": job_id, "reason": str(error)})

    clean_up(delete)
