"""Augmentation of images as tensors, a batch at a time.

Drawing and applying are separate: the draws come from the CPU generator of the plan's seed on every device, and
applying them gives each image the same bits in any batch, so every engine can do it exactly, on any device.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import assert_never

import torch
from torch import Generator, Tensor
from torch.nn import functional as F

from worker.training.data.color import draw_jitters, jitter
from worker.training.errors import require
from worker.training.plan import AugmentPlan, ColorJitterPlan, CropPlan, CutoutPlan, FlipPlan, PaddingMode


def augment(images: Tensor, steps: Sequence[AugmentPlan], generator: Generator) -> Tensor:
    """Images (N, C, H, W) after all steps in order. Draws from the generator in the order of the steps."""
    for step in steps:
        images = apply(images, step, draw(step, len(images), generator))
    return images


def require_fit(steps: Sequence[AugmentPlan], input_shape: Sequence[int]) -> None:
    """Raise `InvalidPlan` where an image (C, H, W) has too few pixels to mirror in its margin, or no colours."""
    side = min(input_shape[1:])
    for step in steps:
        if isinstance(step, CropPlan) and step.padding_mode == "reflect":
            problem = f"crop mirrors {step.padding} pixels of images with {side} on a side: at most {side - 1} will do"
            require(step.padding < side, problem)
        if isinstance(step, ColorJitterPlan):
            problem = f"color_jitter takes images of one channel or three, and these have {input_shape[0]}"
            require(input_shape[0] in {1, 3}, problem)


def draw(step: AugmentPlan, count: int, generator: Generator) -> Tensor:
    """The step's random draws for a batch of `count` images, one row for each image."""
    match step:
        case FlipPlan():
            return draw_flips(count, generator)
        case CropPlan():
            return draw_offsets(count, step.padding, generator)
        case CutoutPlan():
            return draw_centres(count, generator)
        case ColorJitterPlan():
            return draw_jitters(count, generator)
        case _:
            assert_never(step)


def apply(images: Tensor, step: AugmentPlan, drawn: Tensor) -> Tensor:
    """The images (N, C, H, W) after this step, with what was drawn for them."""
    match step:
        case FlipPlan():
            return flip(images, drawn)
        case CropPlan():
            return crop(images, drawn, step.padding, step.padding_mode)
        case CutoutPlan():
            return cutout(images, drawn, step.size)
        case ColorJitterPlan():
            return jitter(images, drawn, step)
        case _:
            assert_never(step)


def draw_flips(count: int, generator: Generator) -> Tensor:
    """Draw which of the images to mirror: (count,) bool, each with probability one half."""
    return torch.rand(count, generator=generator) < 0.5


def draw_offsets(count: int, padding: int, generator: Generator) -> Tensor:
    """Draw where each crop starts in the padded image: (count, 2) int64, row and column, from 0 to 2 × padding."""
    return torch.randint(0, 2 * padding + 1, (count, 2), generator=generator)


def draw_centres(count: int, generator: Generator) -> Tensor:
    """Draw the centre of each square: (count, 2) float64, in [0, 1) of the height and of the width."""
    return torch.rand(count, 2, generator=generator, dtype=torch.float64)


def flip(images: Tensor, flips: Tensor) -> Tensor:
    """Mirror those images (N, C, H, W) left to right whose entry in `flips` (N,) is true."""
    return torch.where(flips.to(images.device)[:, None, None, None], images.flip(3), images)


def crop(images: Tensor, offsets: Tensor, padding: int, padding_mode: PaddingMode = "constant") -> Tensor:
    """Pad each image on all sides and cut its original size out at its offset.

    constant: with zeros (black). reflect: with the image mirrored in its outermost pixels, which are not repeated; the
    image must be larger than the padding.
    """
    count, _, height, width = images.shape
    offsets = offsets.to(images.device)
    rows = offsets[:, :1] + torch.arange(height, device=images.device)
    columns = offsets[:, 1:] + torch.arange(width, device=images.device)
    if padding_mode == "reflect":  # torch pads bytes with zeros alone; and no padding is needed to look things up
        rows, columns = _reflected(rows - padding, height), _reflected(columns - padding, width)
    else:
        images = F.pad(images, (padding, padding, padding, padding))
    which = torch.arange(count, device=images.device)[:, None, None]
    # Indices around a slice put the sliced axis last: (N, H, W, C).
    return images[which, :, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2).contiguous()


def cutout(images: Tensor, centres: Tensor, size: int) -> Tensor:
    """Make a square of `size` pixels a side black in each image, as far as it lies inside (DeVries and Taylor, 2017).

    A square of even size has one pixel more before its centre than after it.
    """
    centres = centres.to(images.device)
    rows = _inside(centres[:, :1], size, images.shape[2])
    columns = _inside(centres[:, 1:], size, images.shape[3])
    return images.masked_fill((rows[:, :, None] & columns[:, None, :])[:, None], 0)


def _reflected(positions: Tensor, extent: int) -> Tensor:
    """Positions beyond an end of the image, mirrored back into it; other positions as they are."""
    return (extent - 1) - ((extent - 1) - positions.abs()).abs()


def _inside(centres: Tensor, size: int, extent: int) -> Tensor:
    """Whether each position (N, extent) along one side of the image lies in the square with the centre (N, 1)."""
    first = (centres * extent).long() - size // 2
    positions = torch.arange(extent, device=first.device) - first
    return (positions >= 0) & (positions < size)
