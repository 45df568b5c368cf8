"""The columns of new jobs of each kind, except their ids, owners and times."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shared.jobs.data_needs import needs_columns, needs_of_spec
from shared.jobs.status import JobKind, JobStatus
from shared.jobspec.evaluation import evaluation_hash

if TYPE_CHECKING:
    from sqlalchemy import Row

    from shared.jobspec import JobSpec, Submission
    from shared.jobspec.fields.evaluation import EvaluationSpec


def training_columns(submission: Submission) -> dict[str, Any]:
    """Return the columns of a new job that trains a network."""
    spec, cost = submission.spec, submission.cost
    needs = needs_columns(needs_of_spec(submission.document))
    return (
        _columns(spec)
        | needs
        | {
            "kind": JobKind.TRAIN,
            "preset": submission.preset,
            "spec": submission.document,
            "spec_hash": submission.spec_hash,
            "config_hash": submission.config_hash,
            "architecture_kind": spec.architecture.kind,
            "parameters": cost.parameters,
            "flops_per_epoch": cost.flops_per_epoch,
            "weight_bytes": cost.weight_bytes,
            "queue": spec.queue,
            "epochs": spec.training.epochs,
        }
    )


def evaluation_columns(spec: EvaluationSpec, trained: Row[Any]) -> dict[str, Any]:
    """Return the columns of a new job that evaluates the network of a finished one, given as its row."""
    hashed = evaluation_hash(spec)
    return (
        _columns(spec)
        | needs_columns(needs_of_spec(spec.document))
        | {
            "kind": JobKind.EVALUATE,
            "spec": spec.document,
            "spec_hash": hashed,
            "config_hash": hashed,
            "architecture_kind": trained.architecture_kind,
            "parameters": trained.parameters,
            "flops_per_epoch": 0,
            "weight_bytes": trained.weight_bytes,
            "queue": spec.resources.device,
            "epochs": 0,
        }
    )


def _columns(spec: JobSpec | EvaluationSpec) -> dict[str, Any]:
    """Return the columns that a queued job of any kind has."""
    return {
        "name": spec.name,
        "warnings": [],
        "priority": spec.priority,
        "max_attempts": spec.limits.max_attempts,
        "timeout_seconds": spec.limits.timeout_seconds,
        "status": JobStatus.QUEUED,
        "cancel_requested": False,
        "event_seq": 1,
        "attempt": 0,
        "failures": 0,
        "running_seconds": 0.0,
        "exact": True,
        "epoch": 0,
    }
