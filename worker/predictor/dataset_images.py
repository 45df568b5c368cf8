"""Answers with single images of a data set, as this machine holds it."""

from __future__ import annotations

import io
import math

import torch
from torch import Tensor

from shared.delivery.questions import Answered, ReadImage
from shared.errors import NotFound
from shared.settings import Settings
from worker.training.data import DATASETS, load
from worker.training.plan import DatasetPlan

SHOWN_DEVIATIONS = 3.0
"""The distance from the mean, in deviations, that a normalised image shows as black or as white."""


def read(settings: Settings, question: ReadImage) -> Answered:
    """The image as a PNG: its own pixels, or, normalised, how far each channel lies from the data set's mean.

    Raises:
        NotFound: there is no such data set or image.
        TrainingError: this machine does not hold the data set, or cannot read it.
    """
    if question.dataset not in DATASETS:
        raise NotFound(f"There is no data set {question.dataset!r}; there are {', '.join(DATASETS)}.")
    plan = DatasetPlan(question.dataset, DATASETS[question.dataset].classes)
    data = load(plan, settings.datasets_dir, settings.cache_dir, as_of=-math.inf)
    split = data.train if question.split == "train" else data.val
    if not 0 <= question.index < len(split):
        raise NotFound(f"The {question.split} split of {question.dataset} has {len(split):,} images, from 0 on.")
    image = split.images[question.index]
    return Answered({}, png(shown(image, data.mean, data.std) if question.normalized else image))


def shown(image: Tensor, mean: tuple[float, ...], std: tuple[float, ...]) -> Tensor:
    """A normalised image (C, H, W) uint8: the mean as middle grey, ± `SHOWN_DEVIATIONS` as white and black."""
    means, deviations = (torch.tensor(one).view(-1, 1, 1) for one in (mean, std))
    distance = (image.float() / 255 - means) / deviations.clamp_min(1e-6)
    return ((distance / SHOWN_DEVIATIONS).clamp(-1, 1).add(1).mul(127.5)).round().to(torch.uint8)


def png(image: Tensor) -> bytes:
    """The image (C, H, W) uint8 of one or three channels as a PNG file."""
    from PIL import Image

    pixels = image.permute(1, 2, 0).contiguous().numpy()
    file = io.BytesIO()
    Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels).save(file, "PNG")
    return file.getvalue()
