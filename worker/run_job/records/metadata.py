"""The safetensors metadata of a finished job's files: strings under names (docs/weights.md).

With these a file of weights is enough to build the network and to classify an image.
"""

from __future__ import annotations

import json

from shared.jobs.running.claims import Claim
from worker.run_job.versions import installed
from worker.training.results import TrainingResult, Weights

FORMAT_VERSION = 1
"""Rises when a name is removed or changes its meaning; a reader of the other names ignores added ones."""

Metadata = dict[str, str]


def of_weights(claim: Claim, result: TrainingResult, weights: Weights) -> Metadata:
    """The metadata of a file of weights: the result's best weights, its last, or those that are both."""
    names = [name for name, one in result.weights.items() if one is weights]
    evaluation = result.evaluations[names[0]]
    return {
        **_of_any(claim, result, "weights"),
        "weights": ",".join(names),
        "epoch": str(result.epoch_of[names[0]]),
        "input_shape": _json(result.inputs.shape),
        "mean": _json(result.inputs.mean),
        "std": _json(result.inputs.std),
        "precision": claim.spec["training"]["precision"],
        "val_accuracy": _json(evaluation.accuracy),
        "val_loss": _json(evaluation.loss),
    }


def of_logits(claim: Claim, result: TrainingResult) -> Metadata:
    """The metadata of the file of validation scores: a tensor for the best and one for the last weights."""
    return {**_of_any(claim, result, "logits"), "split": "val", "epochs": _json(result.epoch_of)}


def _of_any(claim: Claim, result: TrainingResult, content: str) -> Metadata:
    return {
        "format": "pt",  # what the format's libraries call torch's tensors; some refuse a file that does not say
        "format_version": str(FORMAT_VERSION),
        "flightline_version": installed("flightline"),
        "content": content,
        "job_id": claim.job_id,
        "attempt": str(claim.attempt),
        "spec": _json(claim.spec),
        "spec_hash": claim.spec_hash,
        "classes": _json(result.evaluations["last"].classes),
        "data_fingerprint": str(result.environment["data_fingerprint"]),
        "environment": _json(result.environment),
    }


def _json(value: object) -> str:
    """JSON without spaces and with sorted keys, so that equal values give equal text."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))
