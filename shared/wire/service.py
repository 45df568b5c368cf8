"""Who does the work, what can be asked for, and whether the service works."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from shared.jobs.status import WorkerState
from shared.wire.base import Answer, Choice, Instant, Json, Page, answer
from shared.wire.jobs import Cost


@answer
class Worker(Answer):
    """A worker as it last reported itself."""

    id: str
    host: str
    pid: int
    device: str
    device_kind: str
    device_name: str | None
    versions: Json
    datasets: Sequence[Json]
    state: Annotated[str, Choice(WorkerState)]
    job_id: str | None
    started_at: Instant
    last_heartbeat_at: Instant


@answer
class WorkerPage(Page[Worker]):
    """Every known worker."""


@answer
class Queue(Answer):
    """Where jobs wait."""

    name: str
    depth: int
    """Jobs that wait, by the database."""
    oldest_age_seconds: float | None
    """For how long the oldest of them could have been running; null where there is none that could."""
    messages: int | None
    """Messages in Redis; null when Redis does not answer."""


@answer
class QueuePage(Page[Queue]):
    """Every queue."""


@answer
class PresetInfo(Answer):
    """A named partial spec."""

    name: str
    title: str
    note: str
    spec: Json
    """What it says; everything else has its default."""
    cost: Cost


@answer
class PresetPage(Page[PresetInfo]):
    """Every preset."""


@answer
class DatasetInfo(Answer):
    """A data set that a job may name."""

    name: str
    title: str
    classes: Sequence[str]
    """Every class that it has; a job chooses among them."""
    input_shape: Sequence[int]
    """Channels, height, width."""
    train_per_class: int
    val_per_class: int
    held: Sequence[Json]
    """What live workers hold of it: classes, counts, channel means and deviations, fingerprint."""


@answer
class DatasetPage(Page[DatasetInfo]):
    """Every data set."""


@answer
class Health(Answer):
    """The process is up."""

    status: Literal["ok"]


@answer
class Readiness(Answer):
    """The database and Redis answer."""

    status: Literal["ready"]
