"""An evaluation as JSON: a finished job's network, and the data set that it is scored on."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator

from shared.jobspec.fields.base import Part
from shared.jobspec.fields.job import JobSpec, Limits, PerClass, Priority, Resources, ValFraction


class EvaluatedImages(Part):
    """The images to score: the validation split of a data set. They are prepared as the finished job's images are."""

    name: str
    """The data set."""
    classes: Annotated[tuple[str, ...], Field(strict=False)] | None = None
    """The classes of the finished job, in the same order; null and left out mean these too."""
    val_per_class: PerClass | None = None
    """Number of images per class, from the first; null takes all."""
    val_fraction: ValFraction | None = None
    """Part of each class's training images to score, for a data set without validation images of its own."""


class EvaluationRequest(Part):
    """What to score a finished job's network on. Only the data set has no default."""

    dataset: EvaluatedImages
    """The images to score, or the name of a data set."""
    weights: Literal["best", "last"] = "best"
    """Which of the finished job's weights to score."""
    name: str | None = None
    """A name for people; need not be unique."""
    tags: Annotated[tuple[str, ...], Field(strict=False)] = ()
    """Labels to find the job by."""
    resources: Resources = Resources()
    """The device and threads that the job runs with."""
    priority: Priority = JobSpec.model_fields["priority"].default
    """0 to 9; higher starts earlier."""
    limits: Limits = Limits()
    """Time and attempts after which the job has failed."""

    @field_validator("dataset", mode="before")
    @classmethod
    def _named(cls, value: object) -> object:
        return {"name": value} if isinstance(value, str) else value


class EvaluationSpec(EvaluationRequest):
    """An evaluation as it is stored: with the finished job's id, and its classes."""

    job: str
    """Id of the finished job."""

    @property
    def document(self) -> dict[str, Any]:
        """Return the evaluation as a JSON document, with every default."""
        return self.model_dump(mode="json")
