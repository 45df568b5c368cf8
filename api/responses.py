"""What the API answers, as types: they describe it in OpenAPI and check it in tests, and serialise nothing."""

from __future__ import annotations

from typing import Generic, Literal, TypeVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, JsonValue

from shared.status import JobStatus, Outcome, WorkerState

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

    code: str
    detail: str | None


class Job(Answer):
    """What was asked for and what became of it."""

    id: str
    name: str | None
    tags: list[str]
    preset: str | None
    status: JobStatus
    cancel_requested: bool
    priority: int
    spec: dict[str, JsonValue] = Field(description="The whole spec, with every default.")
    spec_hash: str
    config_hash: str = Field(description="As `spec_hash`, but the same for every seed.")
    cost: Cost
    warnings: list[str]
    progress: Progress
    result: Result | None = Field(description="Null until the first epoch has ended.")
    device: str | None
    engine: str | None
    worker: str | None
    attempts: int
    exact: bool
    error: Failure | None
    retry_of: str | None
    created_at: AwareDatetime
    queued_at: AwareDatetime
    started_at: AwareDatetime | None
    finished_at: AwareDatetime | None


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

    epoch: list[int]
    attempt: list[int] = Field(description="The attempt that ran each.")
    seq: list[int] = Field(description="Its number among the job's events.")
    train_loss: list[float]
    train_accuracy: list[float]
    last_batch_loss: list[float]
    val_loss: list[float]
    val_accuracy: list[float]
    lr: list[float]
    seconds: list[float]
    samples_per_second: list[float]


class Attempt(Answer):
    """One worker's try at a job."""

    attempt: int
    worker: str
    device: str
    outcome: Outcome | None = Field(description="Null while it runs.")
    environment: dict[str, JsonValue] | None
    resumed_from_epoch: int | None
    error: Failure | None
    started_at: AwareDatetime
    finished_at: AwareDatetime | None


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

    line: int
    attempt: int
    level: str
    message: str
    created_at: AwareDatetime


class LogPage(Page[LogLine]):
    """Lines of a job's log, oldest first."""


class Artifact(Answer):
    """A kept output."""

    name: str
    path: str
    sha256: str
    bytes: int
    created_at: AwareDatetime


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
    oldest_age_seconds: float | None
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
