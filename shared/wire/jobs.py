"""Jobs, and what they cost."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from shared.jobs.status import JobStatus
from shared.wire.base import Answer, Choice, Instant, Json, Page, answer


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
class JobPage(Page[Job]):
    """A page of jobs."""
