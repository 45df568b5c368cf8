"""Augmentation: pixels move, nothing else, as the generator says."""

from __future__ import annotations

import pytest
import torch
from torch import Generator, Tensor
from torch.nn import functional as F

from worker.training.data.augmentation import augment, crop, cutout, draw_centres, draw_flips, draw_offsets, flip
from worker.training.plan import CropPlan, CutoutPlan, FlipPlan, PaddingMode

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


@pytest.mark.parametrize("padding", [1, 3, 5])
def test_crop_can_pad_by_reflection(padding: int) -> None:
    """As padding with torch's reflection and cutting, image by image; bytes stay bytes."""
    offsets = draw_offsets(50, padding, Generator().manual_seed(2))
    padded = F.pad(IMAGES.double(), (padding, padding, padding, padding), mode="reflect")
    cuts = crop(IMAGES, offsets, padding, "reflect")
    assert cuts.dtype == torch.uint8
    for image, cut, (row, column) in zip(padded, cuts, offsets.tolist(), strict=True):
        assert torch.equal(cut.double(), image[:, row : row + 8, column : column + 6])


@pytest.mark.parametrize("padding_mode", ["constant", "reflect"])
def test_crop_in_the_middle_changes_nothing(padding_mode: PaddingMode) -> None:
    """An offset as large as the padding is the image itself, in the same memory order."""
    same = crop(IMAGES, torch.full((50, 2), 3), 3, padding_mode)
    assert torch.equal(same, IMAGES)
    assert same.is_contiguous()


def cut_by_hand(images: Tensor, centres: Tensor, size: int) -> Tensor:
    """As in the paper's own code, image by image; a square of an odd size lies around its centre."""
    images, (height, width) = images.clone(), images.shape[2:]
    for image, (down, right) in zip(images, centres.tolist(), strict=True):
        row, column = int(down * height), int(right * width)
        top, left = max(row - size // 2, 0), max(column - size // 2, 0)
        image[:, top : max(row - size // 2 + size, 0), left : max(column - size // 2 + size, 0)] = 0
    return images


@pytest.mark.parametrize("size", [1, 2, 3, 4, 7, 20])
def test_cutout_makes_squares_black(size: int) -> None:
    """Around their centres, clipped at the border, in all channels; the images that were given stay."""
    centres = draw_centres(50, Generator().manual_seed(3))
    before = IMAGES.clone()
    assert torch.equal(cutout(IMAGES, centres, size), cut_by_hand(IMAGES, centres, size))
    assert torch.equal(IMAGES, before)


def test_a_cutout_can_lie_anywhere() -> None:
    """In each corner, where a quarter of it is inside, and over all of a small image."""
    ones = torch.ones(1, 1, 8, 6, dtype=torch.uint8)
    for corner in ([0.0, 0.0], [0.0, 1 - 2**-53], [1 - 2**-53, 0.0], [1 - 2**-53, 1 - 2**-53]):
        left = cutout(ones, torch.tensor([corner], dtype=torch.float64), 5)
        assert int((left == 0).sum()) == 9
    assert not cutout(ones, torch.tensor([[0.5, 0.5]], dtype=torch.float64), 8).any()


def test_draws_cover_their_range() -> None:
    """Half the images are mirrored, and every offset and centre occurs."""
    generator = Generator().manual_seed(0)
    assert 0.45 < draw_flips(10_000, generator).float().mean() < 0.55
    assert set(draw_offsets(10_000, 2, generator).flatten().tolist()) == {0, 1, 2, 3, 4}
    assert set((draw_centres(10_000, generator) * 8).long().flatten().tolist()) == set(range(8))


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
def test_steps_are_applied_in_order(dtype: torch.dtype) -> None:
    """Each step draws in turn, whatever the images' type."""
    steps = (FlipPlan(), CropPlan(padding=2, padding_mode="reflect"), CutoutPlan(size=3))
    augmented = augment(IMAGES.to(dtype), steps, Generator().manual_seed(5))
    generator = Generator().manual_seed(5)
    flips, offsets, centres = draw_flips(50, generator), draw_offsets(50, 2, generator), draw_centres(50, generator)
    assert torch.equal(augmented, cutout(crop(flip(IMAGES, flips), offsets, 2, "reflect"), centres, 3).to(dtype))


def test_nothing_to_do_draws_nothing() -> None:
    """Without steps the images pass and the generator stays."""
    generator = Generator().manual_seed(5)
    before = generator.get_state()
    assert augment(IMAGES, (), generator) is IMAGES
    assert torch.equal(generator.get_state(), before)
