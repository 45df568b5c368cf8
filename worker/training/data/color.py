"""Random changes of colour, a batch at a time: each image has factors of its own, and an order of its own.

The changes are those of torchvision's `ColorJitter`, with its formulas. Images are bytes, or floats from 0 to 1. Every
product and every sum is a kernel of its own: fused, they would round otherwise on another device or at a batch's end.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Generator, Tensor

from worker.training.plan import ColorJitterPlan

Change = Callable[[Tensor, Tensor], Tensor]
"""From images (N, C, H, W) and a factor for each (N, 1, 1, 1) fp32 to the changed images, of the same type."""


def draw_jitters(count: int, generator: Generator) -> Tensor:
    """Draw (count, 8) float64 in [0, 1): where each image's four factors lie in their ranges, and its order's keys."""
    return torch.rand(count, 8, generator=generator, dtype=torch.float64)


def jitter(images: Tensor, drawn: Tensor, plan: ColorJitterPlan) -> Tensor:
    """The images (N, C, H, W), C being 1 or 3, after all four changes, in the order of each image's keys.

    A factor lies between 1 - range, at least 0, and 1 + range; the hue's between -range and range.
    """
    drawn = drawn.to(images.device)
    changes: list[tuple[Change, float, float]] = [
        (brighten, max(0.0, 1 - plan.brightness), 1 + plan.brightness),
        (contrast, max(0.0, 1 - plan.contrast), 1 + plan.contrast),
        (saturate, max(0.0, 1 - plan.saturation), 1 + plan.saturation),
        (turn_hue, -plan.hue, plan.hue),
    ]
    order = drawn[:, 4:].argsort(dim=1, stable=True)
    images = images.clone()
    for place in range(4):
        for number, (change, low, high) in enumerate(changes):
            rows = (order[:, place] == number).nonzero()[:, 0]
            if low < high and len(rows):
                factors = (low + (high - low) * drawn[rows, number]).float()
                images[rows] = change(images[rows], factors[:, None, None, None])
    return images


def brighten(images: Tensor, factors: Tensor) -> Tensor:
    """Multiply all values of each image (N, C, H, W) by its factor (N, 1, 1, 1)."""
    return _as(images, images * factors)


def contrast(images: Tensor, factors: Tensor) -> Tensor:
    """Multiply the distance of each image's values from its mean grey by the image's factor."""
    grey = _grey(images)
    pixels = torch.full((), grey[0].numel(), dtype=grey.dtype, device=grey.device)
    return _blend(images, grey.sum((1, 2, 3), keepdim=True) / pixels, factors)


def saturate(images: Tensor, factors: Tensor) -> Tensor:
    """Multiply each pixel's distance from its grey by the image's factor; an image of one channel stays as it is."""
    return images if images.shape[1] == 1 else _blend(images, _grey(images), factors)


def turn_hue(images: Tensor, factors: Tensor) -> Tensor:
    """Turn the hue by the image's factor, as a part of the circle; an image of one channel stays as it is."""
    if images.shape[1] == 1:
        return images
    scaled = images if images.is_floating_point() else images.float() * (1 / 255)
    low, high = scaled.aminmax(dim=1, keepdim=True)
    spread = high - low
    red, green, blue = torch.split(scaled / torch.where(spread > 0, spread, 1.0), 1, dim=1)
    of_green = torch.where(scaled[:, 1:2] == high, blue - red + 2, red - green + 4)
    sixths = torch.where(scaled[:, :1] == high, green - blue, of_green)  # of the circle
    offsets = torch.tensor([5.0, 3.0, 1.0], device=images.device).view(1, 3, 1, 1)
    distance = (sixths + factors * 6 + offsets).remainder(6)
    turned = high - spread * torch.minimum(distance, 4 - distance).clamp(0, 1)
    return turned if images.is_floating_point() else (turned * (256 - 1e-3)).to(images.dtype)


def _grey(images: Tensor) -> Tensor:
    """Grey values (N, 1, H, W) fp32; those of uint8 images are whole numbers, whose sum is exact in any order."""
    if images.shape[1] == 1:
        return images.float()
    red, green, blue = torch.split(images.float(), 1, dim=1)
    grey: Tensor = red * 0.2989 + green * 0.587 + blue * 0.114
    return grey if images.is_floating_point() else grey.floor()


def _blend(images: Tensor, others: Tensor, factors: Tensor) -> Tensor:
    return _as(images, images * factors + others * (1 - factors))


def _as(images: Tensor, values: Tensor) -> Tensor:
    """The values, limited to the images' range and converted to their type."""
    return values.clamp(0, 1) if images.is_floating_point() else values.clamp(0, 255).to(images.dtype)
