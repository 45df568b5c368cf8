"""Augmentation: pixels move, nothing else, as the generator says."""

from __future__ import annotations

import pytest
import torch
from torch import Generator
from torch.nn import functional as F

from worker.training.augment import augment, crop, draw_flips, draw_offsets, flip
from worker.training.plan import AugmentPlan

IMAGES = torch.randint(0, 256, (50, 3, 8, 6), dtype=torch.uint8, generator=Generator().manual_seed(1))


def test_flip_mirrors_the_chosen_images() -> None:
    """Left and right change places in those images, the others stay."""
    flips = torch.arange(50) % 2 == 0
    flipped = flip(IMAGES, flips)
    assert torch.equal(flipped[::2], IMAGES[::2].flip(3))
    assert torch.equal(flipped[1::2], IMAGES[1::2])


def test_crop_cuts_each_image_at_its_own_offset() -> None:
    """As padding with zeros and cutting, image by image."""
    offsets = draw_offsets(50, 3, Generator().manual_seed(2))
    padded = F.pad(IMAGES, (3, 3, 3, 3))
    for image, cut, (row, column) in zip(padded, crop(IMAGES, offsets, 3), offsets.tolist(), strict=True):
        assert torch.equal(cut, image[:, row : row + 8, column : column + 6])


def test_crop_in_the_middle_changes_nothing() -> None:
    """An offset as large as the padding is the image itself, in the same memory order."""
    same = crop(IMAGES, torch.full((50, 2), 3), 3)
    assert torch.equal(same, IMAGES)
    assert same.is_contiguous()


def test_draws_cover_their_range() -> None:
    """Half the images are mirrored, and every offset occurs."""
    generator = Generator().manual_seed(0)
    assert 0.45 < draw_flips(10_000, generator).float().mean() < 0.55
    assert set(draw_offsets(10_000, 2, generator).flatten().tolist()) == {0, 1, 2, 3, 4}


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
def test_steps_are_applied_in_order(dtype: torch.dtype) -> None:
    """Each step draws in turn, whatever the images' type."""
    steps = (AugmentPlan("flip"), AugmentPlan("crop", padding=2))
    augmented = augment(IMAGES.to(dtype), steps, Generator().manual_seed(5))
    generator = Generator().manual_seed(5)
    flips, offsets = draw_flips(50, generator), draw_offsets(50, 2, generator)
    assert torch.equal(augmented, crop(flip(IMAGES, flips), offsets, 2).to(dtype))


def test_nothing_to_do_draws_nothing() -> None:
    """Without steps the images pass and the generator stays."""
    generator = Generator().manual_seed(5)
    before = generator.get_state()
    assert augment(IMAGES, (), generator) is IMAGES
    assert torch.equal(generator.get_state(), before)
