"""What a finished job keeps: weights as safetensors, and the validation scores that its figures were made of."""

from __future__ import annotations

import dataclasses
from typing import Any

from safetensors.torch import save

from shared.attempts import Claim
from shared.errors import StorageError
from shared.storage import Storage
from worker.training.evaluation import Evaluation
from worker.training.results import TrainingResult


def store(storage: Storage, claim: Claim, result: TrainingResult, keep_weights: str) -> list[dict[str, Any]]:
    """Write a run's files, the attempt's number in their path.

    Args:
        storage: where to.
        claim: whose.
        result: the finished run.
        keep_weights: ``best,last``, ``best``, ``last`` or ``none``.

    Returns:
        A row of `artifacts` for each file, but for its job_id and created_at.

    Raises:
        StorageError: one could not be written; none is left.
    """
    files = {f"{name}.safetensors": result.weights[name] for name in keep_weights.split(",") if name != "none"}
    files["logits.safetensors"] = result.logits
    rows: list[dict[str, Any]] = []
    try:
        for name, tensors in files.items():
            # Cloned: the format refuses tensors that share memory, and the best epoch may be the last.
            content = save({key: tensor.clone().contiguous() for key, tensor in tensors.items()})
            stored = storage.put(f"{claim.job_id}/{claim.attempt}/{name}", content)
            rows.append({"name": name, **dataclasses.asdict(stored)})
    except StorageError:
        storage.delete(row["path"] for row in rows)
        raise
    return rows


def evaluation_rows(result: TrainingResult) -> list[dict[str, Any]]:
    """A row of `evaluations` for the best and for the last weights, but for its job_id."""
    epochs = {"best": result.best_epoch, "last": result.epochs}
    return [_row(weights, epochs[weights], evaluation) for weights, evaluation in result.evaluations.items()]


def _row(weights: str, epoch: int, evaluation: Evaluation) -> dict[str, Any]:
    return {"weights": weights, "epoch": epoch, **dataclasses.asdict(evaluation)}
