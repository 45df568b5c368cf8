"""The answers of the HTTP API about single images: predictions and mistakes. `shared.wire` has them all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from shared.wire.answer import Answer, answer


@answer
class Prediction(Answer):
    """What a network makes of one image."""

    class_: str
    """The most probable class."""
    probabilities: dict[str, float]
    """The probability of each class, in the order of the job's classes."""


@answer
class Predictions(Answer):
    """What a job's network makes of the images of one request."""

    items: Sequence[Prediction]
    """One prediction for each image, in the order of the request."""
    weights: Literal["best", "last"]
    """The weights that were asked: of the best epoch or of the last one."""


@answer
class Mistake(Answer):
    """A validation image that a job's network took for another class."""

    split: Literal["train", "val"]
    """The data set's split that the image comes from."""
    index: int
    """Place of the image in that split of the whole data set, from 0, as in `GET /v1/datasets/{dataset}/images`."""
    file: str | None
    """Path of the image's file below the data set's folder; null for an image that is not a file of its own."""
    true: str
    """The image's own class."""
    predicted: str
    """The class that the network found most probable."""
    probabilities: dict[str, float]
    """Probabilities of the ten most probable classes and of the image's own, the most probable first."""
