"""Answers what a job's network makes of images."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from shared.delivery.questions import Answered, Classify
from shared.errors import FieldError, InvalidImage
from worker.predictor.networks import Networks
from worker.training.data import ImageForm, prepare
from worker.training.errors import DatasetCorrupt


def classify(networks: Networks, question: Classify, images: Sequence[bytes]) -> Answered:
    """The job's classes, and for each image the probability of each.

    Raises:
        InvalidImage: names every image that cannot be read.
        JobNotFound, NotFound, DatabaseUnavailable, StorageUnavailable, TrainingError: as `Networks.get`.
    """
    network = networks.get(question.job_id, question.weights)
    prepared = _prepared(question.names, images, network.form)
    probabilities = network.scores(prepared).double().softmax(1)
    return Answered({"classes": network.classes, "probabilities": probabilities.tolist()})


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
