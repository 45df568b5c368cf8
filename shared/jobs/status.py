"""Enumerations of the states of jobs, attempts and workers, and the names of queues."""

from __future__ import annotations

from enum import StrEnum


class JobStatus(StrEnum):
    """`queued → running → succeeded | failed | cancelled`; `running → queued` when an attempt is lost or released.

    `running → paused` after the epoch that a sweep asked for, and `paused → queued` when it asks for more.
    """

    QUEUED = "queued"
    RUNNING = "running"
    PAUSED = "paused"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


FINISHED = frozenset({JobStatus.SUCCEEDED, JobStatus.FAILED, JobStatus.CANCELLED})


class Outcome(StrEnum):
    """The outcome of an attempt that has ended."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    LOST = "lost"
    RELEASED = "released"
    PAUSED = "paused"
    CANCELLED = "cancelled"
    TIMED_OUT = "timed_out"


class WorkerState(StrEnum):
    """The state of a worker; a worker that has stopped reporting is `gone`."""

    IDLE = "idle"
    BUSY = "busy"
    STOPPING = "stopping"
    GONE = "gone"


class WorkerRole(StrEnum):
    """What a worker is for: it trains queued jobs, or answers questions about finished ones (a predictor)."""

    TRAIN = "train"
    PREDICT = "predict"


class JobKind(StrEnum):
    """What a job does. A later release running beside this one may queue jobs of other kinds."""

    TRAIN = "train"
    EVALUATE = "evaluate"
    IMPORTED = "imported"
    """A run of another tracker, kept with its figures: it has ended before it is a job, and no worker ever runs it."""


RUN_KINDS = (JobKind.TRAIN, JobKind.EVALUATE)
"""The kinds of job that workers run, each with queues of its own."""

KNOWN_KINDS = frozenset(RUN_KINDS)
"""The kinds of job that this release can check, queue and run."""


def imported_elsewhere(job_id: str, done: str) -> str:
    """Return the refusal of what cannot be done to an imported job, such as that it is ``retried``."""
    return f"Job {job_id} was imported: it ran elsewhere, and only its figures are here, so it cannot be {done}."


class Queue(StrEnum):
    """A job's queue: every worker serves `any`, and workers of one device kind serve `cpu` or `cuda`."""

    ANY = "any"
    CPU = "cpu"
    CUDA = "cuda"


def message_queue(kind: str, queue: str) -> str:
    """Return the message queue for jobs of a kind: the queue itself for training, ``KIND.any`` for another kind.

    Only workers that know a kind consume its queue, while every release running beside them can publish to it.
    """
    return str(queue) if kind == JobKind.TRAIN else f"{kind}.{queue}"


def celery_name(message_queue: str) -> str:
    """Return the name in Redis of a message queue, such as ``flightline.any``."""
    return f"flightline.{message_queue}"
