"""What the API answers, as types: they describe it in OpenAPI and check it in tests, and serialise nothing."""

from __future__ import annotations

from typing import Generic, Literal, TypeVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, JsonValue

from shared.jobs.status import JobStatus, Outcome, WorkerState

Item = TypeVar("Item")


class Answer(BaseModel):
    """Base of all answers: a field that stands in no model is a mistake."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class Page(Answer, Generic[Item]):
    """A list, and the cursor of what follows it."""

    items: list[Item]
    next_cursor: str | None = Field(description="Pass it as `cursor` for the next page; null on the last one.")


class Progress(Answer):
    """How far a job is."""

    epoch: int = Field(description="Epochs that have ended.")
    epochs: int = Field(description="Epochs that were asked for.")
    eta_seconds: float | None = Field(description="Time that the rest will take, judged by the latest epoch.")


class Cost(Answer):
    """What a job costs, worked out before it is queued."""

    parameters: int
    flops_per_epoch: int
    weight_bytes: int


class LayerCost(Answer):
    """One layer's share of the cost."""

    kind: str
    pointer: str = Field(description="JSON pointer of the layer in the spec.")
    input_shape: list[int] = Field(description="Without the batch: channels × height × width, or features.")
    output_shape: list[int]
    parameters: int
    weight_bytes: int
    flops: int = Field(description="Of one epoch.")
    activations: int = Field(description="Values that it gives for one image.")


class DetailedCost(Cost):
    """The cost, layer by layer."""

    layers: list[LayerCost]


class Result(Answer):
    """Where training stands or ended."""

    train_loss: float
    train_accuracy: float
    val_loss: float
    val_accuracy: float = Field(description="The latest epoch's.")
    best_val_accuracy: float = Field(description="The best epoch's; the earliest wins.")
    best_epoch: int


class Failure(Answer):
    """Why a job or an attempt did not succeed."""

    code: str = Field(description="Stable, for programs.")
    detail: str | None = Field(description="For people.")


class Job(Answer):
    """What was asked for and what became of it."""

    id: str = Field(description="A UUID; a later job's is larger.")
    kind: str = Field(description="What it does: `train`. A later release may add others.")
    name: str | None = Field(description="As it was submitted.")
    tags: list[str] = Field(description="As they were submitted.")
    preset: str | None = Field(description="The preset that it was submitted from.")
    status: JobStatus = Field(description="The last three are for good.")
    cancel_requested: bool = Field(description="Whether somebody has asked for its end.")
    priority: int = Field(description="0–9, 9 the most urgent.")
    spec: dict[str, JsonValue] = Field(description="The whole spec, with every default.")
    spec_hash: str = Field(description="The same for all jobs that ask for the same training.")
    config_hash: str = Field(description="As `spec_hash`, but the same for every seed.")
    cost: Cost = Field(description="What its network costs.")
    warnings: list[str] = Field(
        description="What a queued job waits for now, such as a live worker with its data, or the next attempt after a "
        "failed one. Empty once it has started."
    )
    progress: Progress = Field(description="How far the latest attempt is.")
    result: Result | None = Field(description="Null until the first epoch has ended.")
    device: str | None = Field(description="The one that the latest attempt runs or ran on, such as `cpu` or `cuda:0`.")
    engine: str | None = Field(
        description="What runs or ran the latest attempt's loop: `reference`, `fused`, `resident` or `graphs`; what "
        "was asked for is in the spec."
    )
    worker: str | None = Field(description="Who has the job, or had it last.")
    attempts: int = Field(description="Tries so far, with the one that runs.")
    exact: bool = Field(
        description="Whether another run on the same kind of device, engine, threads, torch and data gives the same "
        "bits; false once that cannot be promised."
    )
    error: Failure | None = Field(description="Why it failed; null unless it has.")
    retry_of: str | None = Field(description="The job whose spec this one repeats.")
    created_at: AwareDatetime = Field(description="When it was submitted.")
    queued_at: AwareDatetime = Field(description="When it was queued last: a lost or released job is queued again.")
    not_before: AwareDatetime | None = Field(
        description="When a queued job whose last attempt failed is tried again, at the earliest; null: at once."
    )
    started_at: AwareDatetime | None = Field(description="When its first attempt began.")
    finished_at: AwareDatetime | None = Field(description="When it succeeded, failed or was cancelled.")


class SubmittedJob(Job):
    """A job that was just accepted, with its cost layer by layer."""

    cost: DetailedCost


class DryRun(Answer):
    """What would be stored, had it been submitted."""

    preset: str | None
    queue: Literal["any", "cpu", "cuda"]
    spec: dict[str, JsonValue]
    spec_hash: str
    config_hash: str
    cost: DetailedCost
    warnings: list[str]


class JobPage(Page[Job]):
    """A page of jobs."""


class EpochColumns(Answer):
    """Epochs as columns of equal length."""

    epoch: list[int] = Field(description="Numbered from 1.")
    attempt: list[int] = Field(description="The attempt that ran each.")
    seq: list[int] = Field(description="Its number among the job's events.")
    train_loss: list[float] = Field(description="Mean over the training samples, while the weights changed.")
    train_accuracy: list[float] = Field(description="Share of them that was right, likewise.")
    last_batch_loss: list[float] = Field(description="Mean over the epoch's last batch.")
    val_loss: list[float] = Field(description="Mean over the validation split, after the epoch.")
    val_accuracy: list[float] = Field(description="Share of it that is right.")
    lr: list[float] = Field(description="Learning rate of the epoch's last step.")
    seconds: list[float] = Field(description="Training and validation together, over all attempts at this epoch.")
    samples_per_second: list[float] = Field(
        description="Training samples over the time of training alone, without validation."
    )


class Attempt(Answer):
    """One worker's try at a job."""

    attempt: int = Field(description="Numbered from 1.")
    worker: str = Field(description="Whose.")
    device: str = Field(description="Such as `cpu` or `cuda:0`.")
    outcome: Outcome | None = Field(description="Null while it runs.")
    environment: dict[str, JsonValue] | None = Field(
        description="What decides the bits of its result: device, engine, threads, versions, data; null until they "
        "are loaded."
    )
    resumed_from_epoch: int | None = Field(
        description="The epoch in which it went on from a checkpoint; null where it began with the first one."
    )
    error: Failure | None = Field(description="Why it ended so; null where there is nothing to say.")
    started_at: AwareDatetime = Field(description="When the job was claimed.")
    finished_at: AwareDatetime | None = Field(description="Null while it runs.")


class AttemptPage(Page[Attempt]):
    """Every attempt at a job."""


class ClassFigures(Answer):
    """How one class was recognised."""

    name: str
    precision: float
    recall: float
    f1: float
    support: int = Field(description="Validation images of this class.")


class Evaluation(Answer):
    """How one set of weights does on the whole validation split."""

    weights: Literal["best", "last"]
    epoch: int
    accuracy: float
    loss: float
    classes: list[str]
    confusion_matrix: list[list[int]] = Field(description="Rows are the true classes, columns the predicted ones.")
    per_class: list[ClassFigures] = Field(description="In the order of `classes`.")


class LogLine(Answer):
    """A line of a job's log."""

    line: int = Field(description="Numbered from 1; the oldest are dropped.")
    attempt: int = Field(description="The attempt that said it.")
    level: str = Field(description="`INFO`, `WARNING` or `ERROR`.")
    message: str = Field(description="What was said.")
    created_at: AwareDatetime = Field(description="When it was said.")


class LogPage(Page[LogLine]):
    """Lines of a job's log, oldest first."""


class Artifact(Answer):
    """A kept output."""

    name: str = Field(description="What it is downloaded by.")
    path: str = Field(description="Its file in the storage; two names may share one.")
    sha256: str = Field(description="Of its content, in hexadecimal.")
    bytes: int = Field(description="Its size.")
    created_at: AwareDatetime = Field(description="When the job ended.")


class ArtifactPage(Page[Artifact]):
    """Every artifact of a job."""


class Worker(Answer):
    """A worker as it last reported itself."""

    id: str
    host: str
    pid: int
    device: str
    device_kind: str
    device_name: str | None
    versions: dict[str, JsonValue]
    datasets: list[dict[str, JsonValue]]
    state: WorkerState
    job_id: str | None
    started_at: AwareDatetime
    last_heartbeat_at: AwareDatetime


class WorkerPage(Page[Worker]):
    """Every known worker."""


class Queue(Answer):
    """Where jobs wait."""

    name: str
    depth: int = Field(description="Jobs that wait, by the database.")
    oldest_age_seconds: float | None = Field(
        description="For how long the oldest of them could have been running; null where there is none that could."
    )
    messages: int | None = Field(description="Messages in Redis; null when Redis does not answer.")


class QueuePage(Page[Queue]):
    """Every queue."""


class PresetInfo(Answer):
    """A named partial spec."""

    name: str
    title: str
    note: str
    spec: dict[str, JsonValue] = Field(description="What it says; everything else has its default.")
    cost: Cost


class PresetPage(Page[PresetInfo]):
    """Every preset."""


class DatasetInfo(Answer):
    """A data set that a job may name."""

    name: str
    title: str
    classes: list[str] = Field(description="Every class that it has; a job chooses among them.")
    input_shape: list[int] = Field(description="Channels, height, width.")
    train_per_class: int
    val_per_class: int
    held: list[dict[str, JsonValue]] = Field(
        description="What live workers hold of it: classes, counts, channel means and deviations, fingerprint."
    )


class DatasetPage(Page[DatasetInfo]):
    """Every data set."""


class Health(Answer):
    """The process is up."""

    status: Literal["ok"]


class Readiness(Answer):
    """The database and Redis answer."""

    status: Literal["ready"]
