"""What a job left behind: epochs, events, attempts, evaluations, log, artifacts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Generic, Literal, TypeVar

from shared.jobs.status import Outcome
from shared.wire.base import Answer, Choice, Instant, Json, Page, answer
from shared.wire.jobs import Failure

Count = TypeVar("Count")
Figure = TypeVar("Figure")


@answer
class EpochFigures(Answer, Generic[Count, Figure]):
    """The figures of an epoch: of one as numbers, of several as columns."""

    epoch: Count
    """Numbered from 1."""
    train_loss: Figure
    """Mean over the training samples, while the weights changed."""
    train_accuracy: Figure
    """Share of them that was right, likewise."""
    last_batch_loss: Figure
    """Mean over the epoch's last batch."""
    val_loss: Figure
    """Mean over the validation split, after the epoch."""
    val_accuracy: Figure
    """Share of it that is right."""
    lr: Figure
    """Learning rate of the epoch's last step."""
    seconds: Figure
    """Training and validation together, over all attempts at this epoch."""
    samples_per_second: Figure
    """Training samples over the time of training alone, without validation."""
    attempt: Count
    """The attempt that ran each."""
    seq: Count
    """Its number among the job's events."""


@answer
class Epoch(EpochFigures[int, float]):
    """One epoch: the data of an event of the kind `epoch`."""


@answer
class EpochColumns(EpochFigures[list[int], list[float]]):
    """Epochs as columns of equal length."""


@answer
class Event(Answer):
    """One event of a job, as its stream sends it."""

    seq: int
    """Its place; later ones have larger numbers."""
    kind: str
    """`status`, `resumed`, `cancel_requested`, `priority` or `epoch`."""
    data: Json
    """What the kind says; an epoch's figures for `epoch`."""


@answer
class Attempt(Answer):
    """One worker's try at a job."""

    attempt: int
    """Numbered from 1."""
    worker: str
    """Whose."""
    device: str
    """Such as `cpu` or `cuda:0`."""
    outcome: Annotated[str, Choice(Outcome)] | None
    """Null while it runs."""
    environment: Json | None
    """What decides the bits of its result: device, engine, threads, versions, data; null until they are loaded."""
    resumed_from_epoch: int | None
    """The epoch in which it went on from a checkpoint; null where it began with the first one."""
    error: Failure | None
    """Why it ended so; null where there is nothing to say."""
    started_at: Instant
    """When the job was claimed."""
    finished_at: Instant | None
    """Null while it runs."""


@answer
class AttemptPage(Page[Attempt]):
    """Every attempt at a job."""


@answer
class ClassFigures(Answer):
    """How one class was recognised."""

    name: str
    precision: float
    recall: float
    f1: float
    support: int
    """Validation images of this class."""


@answer
class Evaluation(Answer):
    """How one set of weights does on the whole validation split."""

    weights: Literal["best", "last"]
    epoch: int
    accuracy: float
    loss: float
    classes: list[str]
    confusion_matrix: list[list[int]]
    """Rows are the true classes, columns the predicted ones."""
    per_class: Sequence[ClassFigures]
    """In the order of `classes`."""


@answer
class LogLine(Answer):
    """A line of a job's log."""

    line: int
    """Numbered from 1; the oldest are dropped."""
    attempt: int
    """The attempt that said it."""
    level: str
    """`INFO`, `WARNING` or `ERROR`."""
    message: str
    """What was said."""
    created_at: Instant
    """When it was said."""


@answer
class LogPage(Page[LogLine]):
    """Lines of a job's log, oldest first."""


@answer
class Artifact(Answer):
    """A kept output."""

    name: str
    """What it is downloaded by."""
    path: str
    """Its file in the storage; two names may share one."""
    sha256: str
    """Of its content, in hexadecimal."""
    bytes: int
    """Its size."""
    created_at: Instant
    """When the job ended."""


@answer
class ArtifactPage(Page[Artifact]):
    """Every artifact of a job."""
