"""The answers of the HTTP API about the service itself: pages of lists, presets, data sets, health."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic, Literal, TypeVar

from shared.wire.answer import Answer, Instant, Json, answer
from shared.wire.jobs import Cost

Item = TypeVar("Item")


@answer
class Page(Answer, Generic[Item]):
    """One page of a list, and the cursor of the next page."""

    items: Sequence[Item]
    next_cursor: str | None
    """Value of `cursor` for the next page; null on the last page."""


@answer
class PresetInfo(Answer):
    """A preset: a named partial spec, with the cost of the job that it makes."""

    name: str
    title: str
    note: str
    spec: Json
    """The fields that the preset sets; all others have their defaults."""
    cost: Cost


@answer
class DatasetInfo(Answer):
    """A data set that a job may name, and the copies that live workers hold."""

    name: str
    title: str
    classes: Sequence[str]
    """Names of all classes; a job chooses among them."""
    input_shape: Sequence[int] | None
    """Shape of an image: channels, height, width; null where the images differ in size, so that a job must choose."""
    counts: dict[str, list[int]]
    """Numbers of training and validation images of each class."""
    train_per_class: int
    """Number of training images of the largest class."""
    val_per_class: int
    """Number of validation images of the largest class."""
    has_val: bool
    """Whether the data set has validation images of its own; without them a job must give a `val_fraction`."""
    decoded_bytes: int | None
    """Memory that all images take, decoded; null where they differ in size."""
    mean: list[float] | None
    """Mean of each channel, on a scale from 0 to 1: the published one, else that of the training images as a job with
    all classes last loaded them; null until then."""
    std: list[float] | None
    """Standard deviation of each channel, as `mean`."""
    fingerprint: str | None
    """SHA-256 over images, labels and classes as a job with all classes last loaded them; null until then."""
    reported_at: Instant | None
    """When a worker last reported the data set; null for a built-in one that no worker has reported."""
    held: Sequence[Json]
    """Copies that live workers hold: classes, counts, channel means and deviations, fingerprint."""


@answer
class Health(Answer):
    """The answer of a process that is up."""

    status: Literal["ok"]


@answer
class Readiness(Answer):
    """The answer of a process whose database and Redis answer."""

    status: Literal["ready"]
