"""What to train on a new data set first: a command that works on these images, whatever their sizes and number."""

from __future__ import annotations

from typing import Any

SMALL_SIDE, USUAL_SIDE = 32, 64
LARGEST_SIDE = 96
"""The side of images of one size up to which they are trained on as they are."""
SMALLEST_SIDE = 24
"""The side below which the suggested network has no pixels left at its end."""
STEPS = 10
"""Steps that an epoch should have at least, for a few images to be learnt from in the preset's number of epochs."""
BATCHES = (128, 64, 32, 16)
"""Sizes of a batch, from the preset's own down."""


def suggested_command(name: str, report: dict[str, Any]) -> str:
    """The submission of a small convolutional network, with what these images need beside its preset.

    Args:
        name: the data set.
        report: what is known of its images, as in `worker.training.data.check.Report`.
    """
    settings = [f"dataset={name}", *_size(report), *_validation(report), *_batch(report)]
    return " ".join(["flightline submit --preset convnet", *(f"--set {each}" for each in settings), "--watch"])


def _size(report: dict[str, Any]) -> list[str]:
    """The size, where images have several, or one that the network cannot take or that would take too long."""
    height, width = report["smallest"]
    short = min(height, width)
    if report["alike"] and short >= SMALLEST_SIDE and max(height, width) <= LARGEST_SIDE:
        return []
    return [f"dataset.image_size={USUAL_SIDE if short >= USUAL_SIDE else SMALL_SIDE}"]


def _validation(report: dict[str, Any]) -> list[str]:
    return [] if report["has_val"] else ["dataset.val_fraction=0.2"]


def _batch(report: dict[str, Any]) -> list[str]:
    """The batch size, where the preset's own would leave an epoch only a few steps."""
    images = sum(train for train, _ in report["counts"].values())
    fitting = next((size for size in BATCHES if images >= size * STEPS), BATCHES[-1])
    return [] if fitting == BATCHES[0] else [f"training.batch_size={fitting}"]
