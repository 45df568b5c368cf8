"""Answers with single images of a data set, as this machine holds it."""

from __future__ import annotations

import io

import torch
from torch import Tensor

from shared.delivery.questions import Answered, ReadImage
from worker.training.data import Datasets
from worker.training.data.registry import Moments

SHOWN_DEVIATIONS = 3.0
"""The distance from the mean, in deviations, that a normalised image shows as black or as white."""


def read(data: Datasets, question: ReadImage) -> Answered:
    """The image as a PNG: its own pixels, or, normalised, how far each channel lies from the data set's mean.

    Raises:
        TrainingError: there is no such image, or this machine does not hold the data set or cannot read it.
    """
    (image,) = data.images(question.dataset, question.split, [question.index])
    return Answered({}, png(image if question.moments is None else normalized(image, question.moments)))


def normalized(image: Tensor, moments: Moments) -> Tensor:
    """The image (C, H, W) uint8 with the mean as middle grey, ± `SHOWN_DEVIATIONS` deviations as white and black."""
    mean, std = (torch.tensor(moment).view(-1, 1, 1) for moment in moments)
    distance = (image.float() / 255 - mean) / std
    return (distance / SHOWN_DEVIATIONS).clamp(-1, 1).add(1).mul(127.5).round().to(torch.uint8)


def png(image: Tensor) -> bytes:
    """The image (C, H, W) uint8 of one or three channels as a PNG file."""
    from PIL import Image

    pixels = image.permute(1, 2, 0).contiguous().numpy()
    file = io.BytesIO()
    Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels).save(file, "PNG")
    return file.getvalue()
