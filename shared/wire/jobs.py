"""The answers of the HTTP API about jobs: a job, its events, attempts, evaluations, log and files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from shared.jobs.status import JobStatus, Outcome
from shared.wire.answer import Answer, Choice, Instant, Json, answer
from shared.wire.replays import Replay


@answer
class Progress(Answer):
    """How many of a job's epochs have ended, and how long the rest will take."""

    epoch: int
    """Number of epochs that have ended."""
    epochs: int
    """Number of epochs that the job asks for."""
    eta_seconds: float | None
    """Estimated time until the job ends, or pauses as its sweep asked, from the latest epoch; null while unknown."""


@answer
class Cost(Answer):
    """What a job costs, computed before it is queued: parameters, FLOPs, bytes of weights."""

    parameters: int
    flops_per_epoch: int
    weight_bytes: int


@answer
class LayerCost(Answer):
    """One layer's shapes and its share of the job's cost."""

    kind: str
    pointer: str
    """JSON pointer of the layer in the spec."""
    input_shape: Sequence[int]
    """Shape of one input, without the batch: channels × height × width, or features."""
    output_shape: Sequence[int]
    parameters: int
    weight_bytes: int
    flops: int
    """Floating-point operations of the layer in one epoch of training."""
    activations: int
    """Number of values that the layer outputs for one image."""


@answer
class DetailedCost(Cost):
    """What a job costs, in total and for each layer."""

    layers: Sequence[LayerCost]


@answer
class Result(Answer):
    """Losses and accuracies of the latest epoch, and the best accuracy so far.

    Each of them is a number for a job that was trained here, and null where an imported run has no such metric.
    """

    train_loss: float | None
    train_accuracy: float | None
    val_loss: float | None
    val_accuracy: float | None
    """Validation accuracy of the latest epoch."""
    best_val_accuracy: float | None
    """Validation accuracy of the best epoch; of equally good epochs the earliest is the best."""
    best_epoch: int | None


@answer
class Failure(Answer):
    """Why a job or an attempt did not succeed."""

    code: str
    """Stable name of the error, for programs."""
    detail: str | None
    """What went wrong, for people."""


@answer
class DeviceEstimate(Answer):
    """How long a job should take on one kind of device."""

    device_kind: str
    """Kind of device of live workers that may take the job: `cpu` or `cuda`."""
    seconds_per_epoch: float | None
    """Seconds of an epoch; null where no finished job says."""
    seconds: float | None
    """Seconds of all epochs that are left."""
    jobs: int
    """Number of finished jobs that the estimate is made from."""


@answer
class Estimate(Answer):
    """How long a job should take, and when it should start."""

    devices: Sequence[DeviceEstimate]
    """One entry for each kind of device of the live workers that may take the job."""
    ahead: int
    """Number of queued jobs that should start before it."""
    starts_at: Instant | None
    """When it should start; null where no live worker may take it and has its images, or nothing is known of
    what is before it."""


@answer
class Job(Answer):
    """A job: its spec, status, progress and result."""

    id: str
    """UUID of the job; later jobs have larger ids."""
    owner: str | None
    """Owner of the token that submitted the job; null if it was submitted while authentication was off."""
    kind: str
    """What the job does: `train`, or `evaluate` for a finished job's network; `imported` for a run of another tracker,
    which has ended. A later release may add other kinds."""
    name: str | None
    """Name of the job; need not be unique. The spec has the name that it was submitted with."""
    tags: list[str]
    """Tags of the job. The spec has those that it was submitted with."""
    notes: str | None
    """What people wrote about the job, as Markdown text."""
    preset: str | None
    """Preset that the job was submitted from."""
    status: Annotated[str, Choice(JobStatus)]
    """State of the job; `succeeded`, `failed` and `cancelled` are final; a `paused` one waits for its sweep."""
    cancel_requested: bool
    """Whether the job's cancellation has been requested."""
    priority: int
    """0 to 9; 9 is the most urgent."""
    spec: Json
    """The job's whole spec, with every default; of an imported job its `run`, `params` and last values of `metrics`."""
    spec_hash: str
    """SHA-256 of the training asked for, whatever the name, tags, priority, limits, device, threads and engine."""
    config_hash: str
    """As `spec_hash` without the seed: jobs with equal `config_hash` differ at most in their seed."""
    cost: Cost
    """What the job's network costs."""
    warnings: list[str]
    """What a queued job waits for now, such as a live worker with its data, or the next attempt after a failed one.
    Empty once the job has started."""
    estimate: Estimate | None
    """How long a queued job should take, and when it should start. Null for other jobs, and where many are read."""
    progress: Progress
    """How many epochs the latest attempt has finished."""
    result: Result | None
    """Figures of the training so far; null until the first epoch has ended."""
    device: str | None
    """Device of the latest attempt, such as `cpu` or `cuda:0`."""
    engine: str | None
    """Engine of the latest attempt: `reference`, `fused`, `resident` or `graphs`. The spec has the requested one."""
    worker: str | None
    """Id of the worker that runs the job, or ran it last."""
    attempts: int
    """Number of attempts so far, including a running one."""
    exact: bool
    """Whether another run on the same kind of device, engine, threads, torch and data gives the same bits; false once
    that cannot be promised."""
    error: Failure | None
    """Why the job failed; null for a job that has not failed, or failed elsewhere."""
    retry_of: str | None
    """Id of the job whose spec this job repeats."""
    sweep: str | None
    """Id of the sweep that made the job; the sweep may have been deleted since."""
    replay_of: str | None
    """Id of the job that this one repeats in order to be compared with it; that may have been deleted since."""
    replay: Replay | None
    """How equal the two are; null until this job has ended, and for a job that is no replay."""
    cache: Literal["prefer", "exact", "off"]
    """Whether the job uses what equal ones have trained: `prefer`, `exact` or `off`."""
    following: str | None
    """Id of the running job that this queued one waits for, as both ask for the same; null for a job that does not."""
    served_from: str | None
    """Id of the equal job whose epochs, result and artifacts these are; null for a job that trained itself."""
    continued_from: str | None
    """Id of the job from whose checkpoint this one went on; the epochs before that are copies of that job's. Null for
    a job that trained all of its epochs."""
    created_at: Instant
    """When the job was submitted."""
    queued_at: Instant
    """When the job was last queued: a lost or released job is queued again."""
    not_before: Instant | None
    """Earliest time of the next attempt of a queued job whose last attempt failed; null means at once."""
    started_at: Instant | None
    """When the job's first attempt began."""
    finished_at: Instant | None
    """When the job succeeded, failed or was cancelled."""


@answer
class SubmittedJob(Job):
    """A job that was just accepted, with its cost layer by layer."""

    cost: DetailedCost


@answer
class DryRun(Answer):
    """What a submission would store; nothing was stored."""

    preset: str | None
    queue: Literal["any", "cpu", "cuda"]
    spec: Json
    spec_hash: str
    config_hash: str
    cost: DetailedCost
    warnings: list[str]
    estimate: Estimate
    """How long the job should take, and when it should start if it were submitted now."""


@answer
class Difference(Answer):
    """A field of a job's spec that somebody chose."""

    path: str
    """Dotted path of the field; of a list of layers or other objects each item is one: `architecture.layers.2`."""
    value: Any
    """Its value, without defaults; null too where the job leaves out an item of its preset's list."""
    base: Any
    """What its preset has there, else the default; null too where there is none."""


@answer
class Outline(Answer):
    """What is particular about a job: what it asks for beyond its preset or the defaults, and its network by layers."""

    preset: str | None
    """The preset that the job was submitted from."""
    differences: Sequence[Difference]
    """Fields that differ from the preset, else from the defaults, labels apart."""
    layers: Sequence[LayerCost] | None
    """The network's layers; null where the job does not train, or its data set is not what it was."""


@answer
class SpecProblem(Answer):
    """One thing that keeps a job from being accepted."""

    pointer: str
    """JSON pointer into what was sent, such as `/architecture/layers/2`; empty for the whole."""
    detail: str
    """What is wrong there, and what would be right."""


@answer
class Verdict(Answer):
    """Whether a job would be accepted; nothing was stored."""

    job: DryRun | None
    """What a submission would store; null where it would be refused."""
    problems: Sequence[SpecProblem]
    """Everything that is wrong with a job that would be refused."""


@answer
class Event(Answer):
    """One event of a job, as the event stream sends it."""

    seq: int
    """Number of the event; later events have larger numbers."""
    kind: str
    """Kind of the event: `status`, `resumed`, `following`, `cancel_requested`, `priority`, `edited` or
    `epoch`."""
    data: Json
    """Content of the event, by its kind; an epoch's figures for `epoch`."""


@answer
class Attempt(Answer):
    """One worker's attempt to run a job."""

    attempt: int
    """Number of the attempt, from 1."""
    worker: str
    """Id of the worker that made the attempt."""
    device: str
    """Device of the attempt, such as `cpu` or `cuda:0`."""
    outcome: Annotated[str, Choice(Outcome)] | None
    """How the attempt ended; null while it runs."""
    environment: Json | None
    """What decides the bits of the result: device, engine, threads, versions, data; null until the data are loaded."""
    resumed_from_epoch: int | None
    """First epoch that the attempt ran after a checkpoint; null for an attempt that began at the first epoch."""
    error: Failure | None
    """Why the attempt did not succeed; null where there was no error."""
    started_at: Instant
    """When the worker claimed the job."""
    finished_at: Instant | None
    """When the attempt ended; null while it runs."""


@answer
class ClassFigures(Answer):
    """Precision, recall and F1 score of one class on the validation split."""

    name: str
    precision: float
    recall: float
    f1: float
    support: int
    """Number of validation images of the class."""


@answer
class Evaluation(Answer):
    """Accuracy, loss and confusion matrix of one set of weights on the whole validation split.

    Under `test` those of the best weights on the data set's own validation split, where the job validated on a part of
    the training images.
    """

    weights: Literal["best", "last", "test"]
    epoch: int
    accuracy: float
    loss: float
    classes: list[str]
    confusion_matrix: list[list[int]]
    """Numbers of images: rows are true classes, columns predicted classes, both in the order of `classes`."""
    per_class: Sequence[ClassFigures]
    """Figures of each class, in the order of `classes`."""


@answer
class LogLine(Answer):
    """One line of a job's log, with the attempt that wrote it."""

    line: int
    """Number of the line, from 1; the oldest lines are dropped."""
    attempt: int
    """Number of the attempt that logged the line."""
    level: str
    """Level of the line: `INFO`, `WARNING` or `ERROR`."""
    message: str
    """Text of the line."""
    created_at: Instant
    """When the line was logged."""


@answer
class Artifact(Answer):
    """A file that a job produced, such as its best weights."""

    name: str
    """Name to download the artifact by, such as `best.safetensors`."""
    path: str
    """Path of the file in the artifact storage; two names may share one file."""
    sha256: str
    """SHA-256 of the file's content, in hexadecimal."""
    bytes: int
    """Size of the file."""
    created_at: Instant
    """When the job ended."""
