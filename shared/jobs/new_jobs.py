"""New jobs: their columns by kind, and the rows that one transaction inserts for them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import uuid6
from sqlalchemy import select

from shared.database import clock
from shared.database.tables import Job, JobTag
from shared.jobs.data_needs import needs_columns, needs_of_spec
from shared.jobs.guarded_write import add_events, insert_rows
from shared.jobs.reuse import twins
from shared.jobs.search import index
from shared.jobs.status import JobKind, JobStatus
from shared.jobspec.evaluation import evaluation_hash
from shared.jobspec.hashes import twin_hash
from shared.telemetry import origin

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Connection, Row

    from shared.jobspec import JobSpec, Submission
    from shared.jobspec.fields.evaluation import EvaluationSpec


class NewJob(NamedTuple):
    """A job to insert: its columns except its id and times, and its tags."""

    values: dict[str, Any]
    tags: Sequence[str]


def insert_jobs(connection: Connection, new: Sequence[NewJob]) -> list[str]:
    """Insert jobs as queued, in a few statements however many they are; return their ids, UUIDv7 in their order."""
    ids = [str(uuid6.uuid7()) for _ in new]
    pairs = list(zip(ids, new, strict=True))
    now = connection.execute(select(clock.database_now(connection))).scalar_one()
    numbers = index.numbers(connection, now, len(new))
    leads = twins.leaders(connection, [one.values.get("twin_hash") for one in new if one.values.get("cache") != "off"])
    rows = [
        {"id": job_id, "number": n, **one.values, **_follower(leads, one.values)}
        for (job_id, one), n in zip(pairs, numbers, strict=True)
    ]
    insert_rows(connection, Job, rows, created_at=now, queued_at=now)
    insert_rows(connection, JobTag, [{"job_id": job_id, "tag": tag} for job_id, one in pairs for tag in one.tags])
    first = {"seq": 1, "kind": "status", "data": {"status": JobStatus.QUEUED, "attempt": 0}}
    add_events(connection, [{"job_id": job_id, **first} for job_id in ids])
    found = zip(numbers, new, strict=True)
    index.write(connection, [index.Entry(n, one.values["spec"], (one.values["name"],), one.tags) for n, one in found])
    return ids


def _follower(leads: Mapping[str, str], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the columns that say whether a new job follows a twin that leads now."""
    leader = leads.get(values.get("twin_hash", "")) if values.get("cache") != "off" else None
    return {"following": leader, "not_before": twins.PARKED if leader else None}


def training_job(submission: Submission, **also: Any) -> NewJob:
    """Return a new job that trains a network, with further columns, such as its owner."""
    return NewJob(_training_columns(submission) | also, submission.spec.tags)


def evaluation_job(spec: EvaluationSpec, trained: Row[Any], **also: Any) -> NewJob:
    """Return a new job that evaluates the network of a finished one, given as its row, with further columns."""
    return NewJob(_evaluation_columns(spec, trained) | also, spec.tags)


def _training_columns(submission: Submission) -> dict[str, Any]:
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
            "cache": spec.cache,
            "twin_hash": twin_hash(spec, submission.spec_hash),
            "architecture_kind": spec.architecture.kind,
            "parameters": cost.parameters,
            "flops_per_epoch": cost.flops_per_epoch,
            "weight_bytes": cost.weight_bytes,
            "queue": spec.queue,
            "epochs": spec.training.epochs,
        }
    )


def _evaluation_columns(spec: EvaluationSpec, trained: Row[Any]) -> dict[str, Any]:
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
        "trace": origin.current().document(),
    }
