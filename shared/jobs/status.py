"""The statuses of a job, the outcomes of an attempt, and which may follow which."""

from __future__ import annotations

from enum import StrEnum


class JobStatus(StrEnum):
    """`queued → running → succeeded | failed | cancelled`; `running → queued` when an attempt is lost or released."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


FINISHED = frozenset({JobStatus.SUCCEEDED, JobStatus.FAILED, JobStatus.CANCELLED})


class Outcome(StrEnum):
    """How an attempt ended."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    LOST = "lost"
    RELEASED = "released"
    CANCELLED = "cancelled"
    TIMED_OUT = "timed_out"


class WorkerState(StrEnum):
    """What a worker says of itself; a worker that stopped reporting is shown as `gone`."""

    IDLE = "idle"
    BUSY = "busy"
    STOPPING = "stopping"
    GONE = "gone"


class JobKind(StrEnum):
    """What a job does. A later release that runs beside this one may have queued jobs of further kinds."""

    TRAIN = "train"


KNOWN_KINDS = frozenset(JobKind)
"""The kinds of job that this release can check, queue and run."""


class Queue(StrEnum):
    """Where a job waits: `any` is served by every worker, the other two by workers of that device kind."""

    ANY = "any"
    CPU = "cpu"
    CUDA = "cuda"


def message_queue(kind: str, queue: str) -> str:
    """Where the messages of a kind's jobs wait, such as ``any`` for training and ``KIND.any`` for any other kind.

    Only workers that know a kind listen there, while every release that runs beside them can publish its jobs.
    """
    return str(queue) if kind == JobKind.TRAIN else f"{kind}.{queue}"


def celery_name(message_queue: str) -> str:
    """The name in Redis of a queue of messages, such as ``flightline.any``."""
    return f"flightline.{message_queue}"
