"""The answers of the HTTP API about workers and queues. `shared.wire` has them all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from shared.jobs.status import WorkerRole, WorkerState
from shared.wire.answer import Answer, Choice, Instant, Json, answer


@answer
class Worker(Answer):
    """A worker's last report of itself."""

    id: str
    host: str
    pid: int
    device: str
    device_kind: str
    device_name: str | None
    role: Annotated[str, Choice(WorkerRole)]
    """`train` for a worker that trains, `predict` for a predictor, which answers questions about finished jobs."""
    versions: Json
    datasets: Sequence[Json]
    state: Annotated[str, Choice(WorkerState)]
    job_id: str | None
    started_at: Instant
    last_heartbeat_at: Instant


@answer
class Queue(Answer):
    """A queue of jobs, and how long it is."""

    name: str
    depth: int
    """Number of queued jobs in the database."""
    oldest_age_seconds: float | None
    """How long the oldest job whose next attempt is due has waited; null where no attempt is due."""
    messages: int | None
    """Number of messages in Redis; null while Redis is unavailable."""
