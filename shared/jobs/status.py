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

    @property
    def finished(self) -> bool:
        """Whether this status can never change again."""
        return self in FINISHED


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


class Queue(StrEnum):
    """Where a job waits: `any` is served by every worker, the other two by workers of that device kind."""

    ANY = "any"
    CPU = "cpu"
    CUDA = "cuda"

    @property
    def celery_name(self) -> str:
        """The queue's name in Redis, such as ``flightline.any``."""
        return f"flightline.{self.value}"
