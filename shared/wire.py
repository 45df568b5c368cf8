"""Every answer of the HTTP API, field by field: the server makes it, OpenAPI describes it, the client reads it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Generic, Literal, TypeVar

from shared.answer import Answer, Choice, Instant, Json, answer
from shared.jobs.status import JobStatus, Outcome, WorkerState

Item = TypeVar("Item")
Count = TypeVar("Count")
Figure = TypeVar("Figure")


@answer
class Page(Answer, Generic[Item]):
    """A list, and the cursor of what follows it."""

    items: Sequence[Item]
    next_cursor: str | None
    """Pass it as `cursor` for the next page; null on the last one."""


@answer
class Progress(Answer):
    """How far a job is."""

    epoch: int
    """Epochs that have ended."""
    epochs: int
    """Epochs that were asked for."""
    eta_seconds: float | None
    """Time that the rest will take, judged by the latest epoch."""


@answer
class Cost(Answer):
    """What a job costs, worked out before it is queued."""

    parameters: int
    flops_per_epoch: int
    weight_bytes: int


@answer
class LayerCost(Answer):
    """One layer's share of the cost."""

    kind: str
    pointer: str
    """JSON pointer of the layer in the spec."""
    input_shape: Sequence[int]
    """Without the batch: channels × height × width, or features."""
    output_shape: Sequence[int]
    parameters: int
    weight_bytes: int
    flops: int
    """Of one epoch."""
    activations: int
    """Values that it gives for one image."""


@answer
class DetailedCost(Cost):
    """The cost, layer by layer."""

    layers: Sequence[LayerCost]


@answer
class Result(Answer):
    """Where training stands or ended."""

    train_loss: float
    train_accuracy: float
    val_loss: float
    val_accuracy: float
    """The latest epoch's."""
    best_val_accuracy: float
    """The best epoch's; the earliest wins."""
    best_epoch: int


@answer
class Failure(Answer):
    """Why a job or an attempt did not succeed."""

    code: str
    """Stable, for programs."""
    detail: str | None
    """For people."""


@answer
class Job(Answer):
    """What was asked for and what became of it."""

    id: str
    """A UUID; a later job's is larger."""
    kind: str
    """What it does: `train`. A later release may add others."""
    name: str | None
    """As it was submitted."""
    tags: list[str]
    """As they were submitted."""
    preset: str | None
    """The preset that it was submitted from."""
    status: Annotated[str, Choice(JobStatus)]
    """The last three are for good."""
    cancel_requested: bool
    """Whether somebody has asked for its end."""
    priority: int
    """0–9, 9 the most urgent."""
    spec: Json
    """The whole spec, with every default."""
    spec_hash: str
    """The same for all jobs that ask for the same training."""
    config_hash: str
    """As `spec_hash`, but the same for every seed."""
    cost: Cost
    """What its network costs."""
    warnings: list[str]
    """What a queued job waits for now, such as a live worker with its data, or the next attempt after a failed one.
    Empty once it has started."""
    progress: Progress
    """How far the latest attempt is."""
    result: Result | None
    """Null until the first epoch has ended."""
    device: str | None
    """The one that the latest attempt runs or ran on, such as `cpu` or `cuda:0`."""
    engine: str | None
    """What runs or ran the latest attempt's loop: `reference`, `fused`, `resident` or `graphs`; what was asked for is
    in the spec."""
    worker: str | None
    """Who has the job, or had it last."""
    attempts: int
    """Tries so far, with the one that runs."""
    exact: bool
    """Whether another run on the same kind of device, engine, threads, torch and data gives the same bits; false once
    that cannot be promised."""
    error: Failure | None
    """Why it failed; null unless it has."""
    retry_of: str | None
    """The job whose spec this one repeats."""
    created_at: Instant
    """When it was submitted."""
    queued_at: Instant
    """When it was queued last: a lost or released job is queued again."""
    not_before: Instant | None
    """When a queued job whose last attempt failed is tried again, at the earliest; null: at once."""
    started_at: Instant | None
    """When its first attempt began."""
    finished_at: Instant | None
    """When it succeeded, failed or was cancelled."""


@answer
class SubmittedJob(Job):
    """A job that was just accepted, with its cost layer by layer."""

    cost: DetailedCost


@answer
class DryRun(Answer):
    """What would be stored, had it been submitted."""

    preset: str | None
    queue: Literal["any", "cpu", "cuda"]
    spec: Json
    spec_hash: str
    config_hash: str
    cost: DetailedCost
    warnings: list[str]


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
class PresetInfo(Answer):
    """A named partial spec."""

    name: str
    title: str
    note: str
    spec: Json
    """What it says; everything else has its default."""
    cost: Cost


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
class Health(Answer):
    """The process is up."""

    status: Literal["ok"]


@answer
class Readiness(Answer):
    """The database and Redis answer."""

    status: Literal["ready"]
