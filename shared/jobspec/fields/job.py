"""`JobSpec`: everything that a job asks for, with every default filled in."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from shared.jobspec.datasets import DEFAULT_CLASSES, DEFAULT_DATASET
from shared.jobspec.fields.architecture import Architecture
from shared.jobspec.fields.base import Part
from shared.jobspec.fields.training import Training

PerClass = Annotated[int, Field(ge=1)]
DeviceKind = Literal["any", "cpu", "cuda"]


class Dataset(Part):
    """Which images, of which classes, and how they are scaled."""

    name: str = DEFAULT_DATASET
    """The data set."""
    classes: Annotated[tuple[str, ...], Field(strict=False, json_schema_extra={"minItems": 2, "uniqueItems": True})] = (
        DEFAULT_CLASSES
    )
    """Two or more of its classes; their labels are 0, 1, … in this order."""
    normalize: Literal["published", "computed", "none"] = "published"
    """CIFAR-10's published mean and deviation, those of the job's training images, or neither."""
    train_per_class: PerClass | None = None
    """Only the first so many training images of each class; null takes all."""
    val_per_class: PerClass | None = None
    """Only the first so many validation images of each class; null takes all."""


class Resources(Part):
    """Where the job may run."""

    device: DeviceKind = "any"
    """The kind of device."""
    threads: Annotated[int, Field(ge=1, le=64)] = 1
    """CPU threads; part of the job, as it changes rounding."""


class Limits(Part):
    """Bounds after which a job has failed."""

    timeout_seconds: Annotated[int, Field(ge=1, le=30 * 86400)] = 86400
    """Running time of all attempts together."""
    max_attempts: Annotated[int, Field(ge=1, le=100)] = 3
    """Attempts that may be lost or fail with a retryable error."""


class JobSpec(Part):
    """A job, as JSON. Only the architecture has no default."""

    name: str | None = None
    """A name for people; need not be unique."""
    tags: Annotated[tuple[str, ...], Field(strict=False)] = ()
    """Labels to find the job by."""
    dataset: Dataset = Dataset()
    """What it learns from."""
    architecture: Architecture
    """The network."""
    training: Training = Training()
    """How it is trained."""
    resources: Resources = Resources()
    """Where it may run."""
    priority: Annotated[int, Field(ge=0, le=9)] = 5
    """0 to 9; higher starts earlier."""
    limits: Limits = Limits()
    """When the service gives up."""

    @property
    def queue(self) -> DeviceKind:
        """Where it waits: with its device's kind, or the one that its engine needs where any would do."""
        device = self.resources.device
        return "cpu" if device == "any" and self.training.engine == "fused" else device
