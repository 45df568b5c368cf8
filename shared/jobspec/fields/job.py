"""`JobSpec`: everything that a job asks for, with all defaults."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer

from shared.jobspec.datasets import DEFAULT_CLASSES, DEFAULT_DATASET
from shared.jobspec.fields.architecture import Architecture
from shared.jobspec.fields.base import Part, Size
from shared.jobspec.fields.training import Training

PerClass = Size
ImageSize = Annotated[int, Field(ge=1, le=1024)]
ValFraction = Annotated[float, Field(gt=0, lt=1)]
Priority = Annotated[int, Field(ge=0, le=9)]
DeviceKind = Literal["any", "cpu", "cuda"]
Cache = Literal["prefer", "exact", "off"]


class Dataset(Part):
    """The images to train on: data set, classes, normalisation and numbers."""

    name: str = DEFAULT_DATASET
    """The data set."""
    classes: Annotated[tuple[str, ...], Field(strict=False, json_schema_extra={"minItems": 2, "uniqueItems": True})] = (
        DEFAULT_CLASSES
    )
    """Two or more classes of the data set; their labels are 0, 1, … in this order."""
    normalize: Literal["published", "computed", "none"] = "published"
    """Normalise with the published mean and deviation, with those of the job's training images, or not at all."""
    train_per_class: PerClass | None = None
    """Number of training images per class, from the first; null takes all."""
    val_per_class: PerClass | None = None
    """Number of validation images per class, from the first; null takes all."""
    image_size: ImageSize | None = None
    """Height and width that every image is given: resized on its shorter side, then cut in the centre. Null takes the
    images as they are, where all have the same size."""
    channels: Literal[1, 3] = 3
    """Channels of an image: 3 for colour, 1 for grey. Left out: those of the data set."""
    val_fraction: ValFraction | None = None
    """Part of each class's training images to validate on, for a data set without validation images of its own."""
    holdout_fraction: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Part of each class's training images that is kept out of training and validated on; the data set's own validation
    images are then scored once, at the end."""

    @model_serializer(mode="wrap")
    def _without_later_defaults(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out later fields at their defaults: a worker of the first release can then run a job that it knew."""
        fields: dict[str, Any] = serialize(self)
        if self.name not in _FIRST_DATASETS:
            return fields
        later = {name for name in _LATER_FIELDS if getattr(self, name) == type(self).model_fields[name].default}
        return {name: value for name, value in fields.items() if name not in later}


_FIRST_DATASETS = ("cifar10", "synthetic")
"""The data sets of the first release. Left out, a later field must mean its default for each of them."""
_LATER_FIELDS = ("image_size", "channels", "val_fraction", "holdout_fraction")


class Resources(Part):
    """The device and the CPU threads that the job runs with."""

    device: DeviceKind = "any"
    """The kind of device."""
    threads: Annotated[int, Field(ge=1, le=64)] = 1
    """CPU threads, which are part of the job because their number changes rounding."""


class Limits(Part):
    """Time and attempts after which a job has failed."""

    timeout_seconds: Annotated[int, Field(ge=1, le=30 * 86400)] = 86400
    """Largest total running time of all attempts."""
    max_attempts: Annotated[int, Field(ge=1, le=100)] = 3
    """Largest number of attempts that are lost or fail with a retryable error."""


class JobSpec(Part):
    """A job as JSON. Only the architecture has no default."""

    name: str | None = None
    """A name for people; need not be unique."""
    tags: Annotated[tuple[str, ...], Field(strict=False)] = ()
    """Labels to find the job by."""
    dataset: Dataset = Dataset()
    """The images to train and validate on."""
    architecture: Architecture
    """The network."""
    training: Training = Training()
    """How the network is trained."""
    resources: Resources = Resources()
    """The device and threads that the job runs with."""
    priority: Priority = 5
    """0 to 9; higher starts earlier."""
    limits: Limits = Limits()
    """Time and attempts after which the job has failed."""
    cache: Cache = "off"
    """Whether what equal jobs have trained is used again instead of trained again: `prefer` uses it whatever it was
    trained on, `exact` only where training here would give the same bits, `off` trains."""

    @model_serializer(mode="wrap")
    def _without_cache(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out the cache where it is off: the release before refuses fields that it does not know."""
        fields: dict[str, Any] = serialize(self)
        return {name: value for name, value in fields.items() if (name, value) != ("cache", "off")}

    @property
    def queue(self) -> DeviceKind:
        """Return the job's queue: its kind of device or, for any device, the kind that its engine needs."""
        device = self.resources.device
        return "cpu" if device == "any" and self.training.engine == "fused" else device
