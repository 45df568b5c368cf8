"""Splits, channel figures and fingerprints."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from tests.unit.training.tiny import tiny_data
from worker.training.data import Split, statistics
from worker.training.data.records import channel_moments, fingerprint

SPLIT = Split(torch.arange(6, dtype=torch.uint8).view(6, 1, 1, 1), torch.tensor([1, 0, 1, 1, 0, 1]))


@pytest.mark.parametrize(
    "limit, kept", [(1, [0, 1]), (2, [0, 1, 2, 4]), (4, [0, 1, 2, 3, 4, 5]), (None, [0, 1, 2, 3, 4, 5])]
)
def test_the_first_of_each_class_are_taken_in_order(limit: int | None, kept: list[int]) -> None:
    """Classes may lie mixed; the order stays."""
    some = SPLIT.first_of_each(limit)
    assert some.images.flatten().tolist() == kept
    assert torch.equal(some.labels, SPLIT.labels[kept])


def test_counts_are_by_label() -> None:
    """A class without images counts zero."""
    assert SPLIT.counts(3) == (2, 4, 0)


def test_channel_figures_are_those_of_the_pixels() -> None:
    """Mean and population deviation of each channel, on a scale from 0 to 1."""
    images = tiny_data().train.images
    mean, std = channel_moments(images)
    pixels = images.double() / 255
    assert mean == pytest.approx(pixels.mean((0, 2, 3)).tolist(), rel=1e-12)
    assert std == pytest.approx(pixels.std((0, 2, 3), correction=0).tolist(), rel=1e-12)


def test_a_constant_channel_has_no_deviation() -> None:
    """Exactly zero, not a rounding error below it."""
    assert channel_moments(torch.full((3, 1, 4, 4), 77, dtype=torch.uint8)) == ((77 / 255,), (0.0,))


def test_a_fingerprint_notices_everything() -> None:
    """A pixel, a label, a class name, the split that an image is in: each changes it; a copy does not."""
    data = tiny_data(3, 3)
    pixel, label = data.train.images.clone(), data.train.labels.clone()
    pixel[0, 0, 0, 0] ^= 1
    label[0] = 1
    prints = {
        fingerprint(data.classes, data.train, data.val),
        fingerprint(data.classes, Split(pixel, data.train.labels), data.val),
        fingerprint(data.classes, Split(data.train.images, label), data.val),
        fingerprint(("plane", "bird"), data.train, data.val),
        fingerprint(data.classes, data.val, data.train),
    }
    assert len(prints) == 5
    again = Split(data.train.images.clone(), data.train.labels.clone())
    assert fingerprint(data.classes, again, data.val) in prints


def test_statistics_are_what_a_worker_reports() -> None:
    """Counts of both splits by class, channel figures, fingerprint."""
    data = tiny_data(5, 2)
    assert dataclasses.asdict(statistics(data)) == {
        "name": "synthetic",
        "source": "drawn",
        "classes": ("airplane", "bird"),
        "counts": {"airplane": (5, 2), "bird": (5, 2)},
        "mean": data.mean,
        "std": data.std,
        "fingerprint": data.fingerprint,
    }
