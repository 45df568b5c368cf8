"""What must hold after everything that happened; each check gives a line for what does not."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import torch
from safetensors.torch import load as load_tensors
from sqlalchemy import Row

from shared import wire
from shared.database.engine import Database
from shared.jobs.actor import EVERYBODY
from shared.jobs.reads import queries
from shared.jobs.status import FINISHED, JobStatus, Outcome
from shared.storage.store import Storage
from tests.chaos.clean import Clean, untimed
from tests.chaos.follower import Follower
from tests.chaos.records import JobRecord

_BOOKKEEPING = ("attempt", "seq")
_OUTCOMES = {
    JobStatus.SUCCEEDED: {Outcome.SUCCEEDED},
    JobStatus.CANCELLED: {Outcome.CANCELLED, Outcome.LOST, Outcome.RELEASED, Outcome.FAILED},
    JobStatus.FAILED: {Outcome.FAILED, Outcome.LOST, Outcome.TIMED_OUT},
}
_AGAIN = {Outcome.LOST, Outcome.RELEASED, Outcome.FAILED}


def job_faults(record: JobRecord, full_disk: list[tuple[float, float]]) -> Iterator[str]:
    """What is wrong with a job and its attempts, whatever it should have computed.

    Args:
        record: the job.
        full_disk: when (begin and end, seconds since 1970) its artifacts could not be written.
    """
    job, attempts = record.job, record.attempts
    if job.status not in FINISHED:
        yield f"is {job.status}: lost"
        return
    if [one.attempt for one in attempts] != list(range(1, job.attempt + 1)):
        yield f"has attempts {[one.attempt for one in attempts]} but stands at {job.attempt}"
    yield from _outcomes(job, attempts)
    if job.failures != sum(_counts(one) for one in attempts):
        yield f"counts {job.failures} failures, its attempts say {sum(_counts(one) for one in attempts)}"
    if job.status == JobStatus.FAILED and not _explained(record, full_disk):
        yield f"failed without need: {job.error_code}: {job.error_detail}"
    if (job.finished_at is None) or job.lease_expires_at is not None or job.checkpoint is not None:
        yield "is finished, but not tidied up"


def _outcomes(job: Row[Any], attempts: list[Row[Any]]) -> Iterator[str]:
    for one in attempts:
        if one.outcome is None or one.finished_at is None:
            yield f"has an open attempt {one.attempt}"
    for one in attempts[:-1]:
        if one.outcome not in _AGAIN:
            yield f"went on after attempt {one.attempt} had {one.outcome}"
    if sum(one.outcome == Outcome.SUCCEEDED for one in attempts) > 1:
        yield "is recorded as succeeded twice"
    if attempts and attempts[-1].outcome not in _OUTCOMES[job.status]:
        yield f"is {job.status}, but its last attempt {attempts[-1].outcome}"
    if not attempts and job.status != JobStatus.CANCELLED:
        yield f"is {job.status} without an attempt"


def _counts(attempt: Row[Any]) -> int:
    return int(attempt.outcome in (Outcome.LOST, Outcome.FAILED) and attempt.error_code != "storage_error")


def _explained(record: JobRecord, full_disk: list[tuple[float, float]]) -> bool:
    """A full disk is the one fault of these that may fail a job: it says so, and a person has to act."""
    last = record.attempts[-1]
    during = any(began - 1 <= last.finished_at.timestamp() <= ended + 10 for began, ended in full_disk)
    return bool(record.job.error_code == "storage_error" and during)


def epoch_faults(record: JobRecord, clean: Clean) -> Iterator[str]:
    """What is wrong with a job's epochs: each exactly once, equal to the clean run's."""
    job, rows = record.job, record.epochs
    numbers = [row["epoch"] for row in rows]
    wanted = len(clean.epochs) if job.status == JobStatus.SUCCEEDED else len(numbers)
    if numbers != list(range(1, wanted + 1)):
        yield f"has epochs {numbers}, not 1 to {wanted}"
    for row in rows:
        figures = {key: value for key, value in untimed(row).items() if key not in _BOOKKEEPING}
        if figures != clean.epochs.get(row["epoch"]):
            yield f"has epoch {row['epoch']} as {figures}, clean {clean.epochs.get(row['epoch'])}"
    if rows and (job.epoch, job.val_accuracy) != (numbers[-1], rows[-1]["val_accuracy"]):
        yield f"says epoch {job.epoch}, accuracy {job.val_accuracy}, its last row {numbers[-1]}"


def result_faults(record: JobRecord, clean: Clean, db: Database, storage: Storage) -> Iterator[str]:
    """What is wrong with what a job left: evaluations and weights equal to the clean run's, or nothing at all."""
    job = record.job
    succeeded = job.status == JobStatus.SUCCEEDED
    if succeeded and (job.best_val_accuracy, job.best_epoch) != clean.best:
        yield f"has its best at {(job.best_val_accuracy, job.best_epoch)}, clean {clean.best}"
    if succeeded and not job.exact:
        yield "does not call itself exact"
    for weights, wanted in clean.evaluations.items():
        found = queries.evaluation(db, job.id, weights, actor=EVERYBODY)
        expected = wanted if succeeded else None
        if (found and {key: found[key] for key in wanted}) != expected:
            yield f"has the evaluation {weights} {found}, clean {expected}"
    if {row["name"] for row in record.artifacts} != (set(clean.tensors) if succeeded else set()):
        yield f"has artifacts {[row['name'] for row in record.artifacts]}"
    for row in record.artifacts:
        yield from _file_faults(row, clean, storage)


def _file_faults(row: wire.Artifact, clean: Clean, storage: Storage) -> Iterator[str]:
    content = storage.read(row["path"])
    if hashlib.sha256(content).hexdigest() != row["sha256"] or len(content) != row["bytes"]:
        yield f"has a damaged {row['path']}"
        return
    found, wanted = load_tensors(content), clean.tensors[row["name"]]
    different = [key for key in wanted if key not in found or not torch.equal(found[key], wanted[key])]
    if different or found.keys() != wanted.keys():
        yield f"has other weights in {row['path']}: {different}"


def event_faults(record: JobRecord) -> Iterator[str]:
    """What is wrong with a job's sequence: every number once, none missing but those of epochs that were run again."""
    numbers = sorted([event.seq for event in record.events] + [row["seq"] for row in record.epochs])
    if len(set(numbers)) != len(numbers):
        yield f"hands out a number twice: {numbers}"
    if not numbers or numbers[-1] != record.job.event_seq:
        yield f"stands at number {record.job.event_seq}, its newest event is {numbers[-1:]}"
    again = max((event.seq for event in record.events if event.kind == "resumed"), default=0)
    missing = set(range(1, record.job.event_seq + 1)) - set(numbers)
    if any(number > again for number in missing):
        yield f"has gaps at {sorted(number for number in missing if number > again)}"
    last = max(record.events, key=lambda event: event.seq)
    if last.kind != "status" or last.data["status"] != record.job.status or last.seq != record.job.event_seq:
        yield f"does not end with its status: {last}"


def stream_faults(record: JobRecord, follower: Follower) -> Iterator[str]:
    """What is wrong with what a reader was given: in order, nothing missing, and what the tables say."""
    seen = {event.seq: event for event in follower.seen}
    numbers = [event.seq for event in follower.seen]
    if not follower.ended or follower.surprise:
        yield f"'s stream did not end: {follower.surprise}, {len(numbers)} events seen"
    if numbers != sorted(set(numbers)):
        yield f"'s stream is out of order: {numbers}"
    wanted = {event.seq: (event.kind, event.data) for event in record.events}
    wanted |= {row["seq"]: ("epoch", row) for row in record.epochs}
    for seq, (kind, data) in sorted(wanted.items()):
        if seq not in seen:
            yield f"'s stream lacks event {seq}, {kind}"
        elif (seen[seq].kind, {key: seen[seq].data.get(key) for key in data}) != (kind, data):
            yield f"'s stream has event {seq} as {seen[seq]}, not {kind} {data}"
    if _told(follower) != {row["epoch"]: row["seq"] for row in record.epochs}:
        yield f"'s stream leaves its reader with epochs {sorted(_told(follower))}"


def _told(follower: Follower) -> dict[int, int]:
    """The epochs that a reader holds in the end, who drops those that a `resumed` announces to come again."""
    held: dict[int, int] = {}
    for event in follower.seen:
        if event.kind == "resumed":
            held = {epoch: seq for epoch, seq in held.items() if epoch < event.data["from_epoch"]}
        elif event.kind == "epoch":
            held[event.data["epoch"]] = event.seq
    return held
