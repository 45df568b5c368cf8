"""Answers what a job's network makes of images."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

import torch
from torch import Tensor

from shared.delivery.questions import Answered, Classify
from shared.errors import FieldError, InvalidImage
from worker.predictor.networks import Networks
from worker.training.data import ImageForm, prepare
from worker.training.data.images import header_of
from worker.training.errors import DatasetCorrupt


def classify(networks: Networks, question: Classify, images: Sequence[bytes], most_pixels: int) -> Answered:
    """The job's classes, and for each image the probability of each.

    Args:
        networks: the networks in memory.
        question: the job, and the images' names.
        images: the content of the images' files.
        most_pixels: most pixels of all images together, before they are resized.

    Raises:
        InvalidImage: names every image that cannot be read; or the images have too many pixels.
        JobNotFound, NotFound, DatabaseUnavailable, StorageUnavailable, TrainingError: as `Networks.get`.
    """
    _require_few_pixels(question.names, images, most_pixels)
    network = networks.get(question.job_id, question.weights)
    prepared = _prepared(question.names, images, network.form)
    probabilities = network.scores(prepared).double().softmax(1)
    return Answered({"classes": network.classes, "probabilities": probabilities.tolist()})


def _require_few_pixels(names: Sequence[str], images: Sequence[bytes], most: int) -> None:
    """Check how many pixels there are to decode, as the images' headers say it, before any is decoded."""
    pixels = 0
    for number, (name, image) in enumerate(zip(names, images, strict=True)):
        with suppress(DatasetCorrupt):  # which the preparation says
            height, width = header_of(image).side
            pixels += height * width
        if pixels > most:
            detail = (
                f"{name}: with this one, the request's images have {pixels:,} pixels together; at most {most:,} are "
                "decoded for one request (FLIGHTLINE_MAX_IMAGES_PIXELS). Send fewer at once, or smaller ones."
            )
            raise InvalidImage(detail, (FieldError(f"/{number}", detail),))


def _prepared(names: Sequence[str], images: Sequence[bytes], form: ImageForm) -> Tensor:
    found, errors = [], []
    for number, (name, image) in enumerate(zip(names, images, strict=True)):
        try:
            found.append(prepare(image, form, name))
        except DatasetCorrupt as error:
            errors.append(FieldError(f"/{number}", f"{name}: {error.problem}"))
    if errors:
        more = f", and {len(errors) - 1} more" if len(errors) > 1 else ""
        raise InvalidImage(f"{errors[0].detail}{more}", tuple(errors))
    return torch.stack(found)
