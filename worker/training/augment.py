"""Augmentation, a batch at a time, on tensors.

Drawing and applying are apart: the draws come from the CPU generator of the plan's seed, whatever the device, and
applying them only moves pixels, so every engine can do it exactly, on any device and dtype.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Generator, Tensor
from torch.nn import functional as F

from worker.training.plan import AugmentPlan


def augment(images: Tensor, steps: Sequence[AugmentPlan], generator: Generator) -> Tensor:
    """Images (N, C, H, W) after all steps in order. Draws from the generator in the order of the steps."""
    for step in steps:
        images = apply(images, step, draw(step, len(images), generator))
    return images


def draw(step: AugmentPlan, count: int, generator: Generator) -> Tensor:
    """What this step draws for a batch of `count` images, one row for each."""
    return draw_flips(count, generator) if step.kind == "flip" else draw_offsets(count, step.padding, generator)


def apply(images: Tensor, step: AugmentPlan, drawn: Tensor) -> Tensor:
    """The images (N, C, H, W) after this step, with what was drawn for them."""
    return flip(images, drawn) if step.kind == "flip" else crop(images, drawn, step.padding)


def draw_flips(count: int, generator: Generator) -> Tensor:
    """Which of the images to mirror: (count,) bool, each with probability one half."""
    return torch.rand(count, generator=generator) < 0.5


def draw_offsets(count: int, padding: int, generator: Generator) -> Tensor:
    """Where each crop starts in the padded image: (count, 2) int64, row and column, from 0 to 2 × padding."""
    return torch.randint(0, 2 * padding + 1, (count, 2), generator=generator)


def flip(images: Tensor, flips: Tensor) -> Tensor:
    """Mirror the chosen images left to right."""
    return torch.where(flips.to(images.device)[:, None, None, None], images.flip(3), images)


def crop(images: Tensor, offsets: Tensor, padding: int) -> Tensor:
    """Pad each image with zeros (black) on all sides and cut its original size out at its offset."""
    count, _, height, width = images.shape
    padded = F.pad(images, (padding, padding, padding, padding))
    offsets = offsets.to(images.device)
    rows = offsets[:, :1] + torch.arange(height, device=images.device)
    columns = offsets[:, 1:] + torch.arange(width, device=images.device)
    which = torch.arange(count, device=images.device)[:, None, None]
    # Indices around a slice put the sliced axis last: (N, H, W, C).
    return padded[which, :, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2).contiguous()
