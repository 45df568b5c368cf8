"""A finished job's files: weights as safetensors, and the validation scores that its figures were computed from.

Each file's metadata describe it, see `worker.run_job.records.metadata`.

Where the best epoch is the last one, its weights are one file under both names.
"""

from __future__ import annotations

import dataclasses
from concurrent import futures
from concurrent.futures import Future
from functools import partial
from typing import Any

from shared.errors import StorageError
from shared.jobs.running.claims import Claim
from shared.storage.store import Storage, Stored
from worker.run_job.records import metadata
from worker.run_job.records.storage_access import call_in_thread
from worker.run_job.records.tensors import safetensors
from worker.training.evaluation import Evaluation
from worker.training.results import TrainingResult

LOGITS = "logits.safetensors"


def store(storage: Storage, claim: Claim, result: TrainingResult, keep_weights: str) -> list[dict[str, Any]]:
    """Write a run's files, with the attempt's number in their path.

    Args:
        storage: the artifact storage.
        claim: the job and its attempt.
        result: the finished run.
        keep_weights: ``best,last``, ``best``, ``last`` or ``none``.

    Returns:
        A row of `artifacts` for each file, but for its job_id and created_at.

    Raises:
        StorageUnavailable: a file could not be written now; the next call writes all of them again.
        StorageError: a file cannot be written before somebody acts; the others are deleted.
    """
    files = {f"{name}.safetensors": result.weights[name] for name in _kept(keep_weights)}
    files[LOGITS] = {name: scores.clone() for name, scores in result.logits.items()}  # may be the same
    writing: dict[int, Future[Stored]] = {}
    for name, tensors in files.items():  # all of them wait for the disk together
        if id(tensors) not in writing:
            about = metadata.of_logits(claim, result) if name == LOGITS else metadata.of_weights(claim, result, tensors)
            put = partial(storage.put, f"{claim.job_id}/{claim.attempt}/{name}", *safetensors(tensors, about))
            writing[id(tensors)] = call_in_thread(put)
    futures.wait(writing.values())
    try:
        stored = {key: future.result() for key, future in writing.items()}
    except StorageError:
        storage.delete(future.result().path for future in writing.values() if future.exception() is None)
        raise
    return [{"name": name, **dataclasses.asdict(stored[id(tensors)])} for name, tensors in files.items()]


def file_names(keep_weights: str) -> set[str]:
    """The names of the files that `store` writes."""
    return {f"{name}.safetensors" for name in _kept(keep_weights)} | {LOGITS}


def _kept(keep_weights: str) -> list[str]:
    return [name for name in keep_weights.split(",") if name != "none"]


def evaluation_rows(result: TrainingResult) -> list[dict[str, Any]]:
    """A row of `evaluations` for the best and for the last weights, but for its job_id."""
    return [evaluation_row(weights, result.epoch_of[weights], one) for weights, one in result.evaluations.items()]


def evaluation_row(weights: str, epoch: int, evaluation: Evaluation) -> dict[str, Any]:
    """A row of `evaluations`, but for its job_id, of the weights of an epoch."""
    return {"weights": weights, "epoch": epoch, **dataclasses.asdict(evaluation)}
