"""Changes of colour: torchvision's, for each image its own."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Generator, Tensor
from torchvision.transforms.v2 import functional as F

from worker.training.data.augmentation import require_fit
from worker.training.data.color import brighten, contrast, draw_jitters, jitter, saturate, turn_hue
from worker.training.errors import InvalidPlan
from worker.training.plan import ColorJitterPlan

IMAGES = torch.randint(0, 256, (48, 3, 9, 7), dtype=torch.uint8, generator=Generator().manual_seed(1))
IMAGES[0], IMAGES[1], IMAGES[2, 1:], IMAGES[3, :2] = 0, 255, 0, 128
PLAN = ColorJitterPlan(brightness=0.4, contrast=0.6, saturation=1.5, hue=0.3)
CHANGES: list[tuple[Callable[[Tensor, Tensor], Tensor], Callable[[Tensor, float], Tensor], tuple[float, float]]] = [
    (brighten, F.adjust_brightness, (0.0, 2.0)),
    (contrast, F.adjust_contrast, (0.0, 2.0)),
    (saturate, F.adjust_saturation, (0.0, 2.5)),
    (turn_hue, F.adjust_hue, (-0.5, 0.5)),
]


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("change, theirs, bounds", CHANGES)
def test_each_change_is_torchvisions(
    change: Callable[..., Tensor], theirs: Callable[..., Tensor], bounds: tuple[float, float], channels: int
) -> None:
    """Image by image, bytes and floats: to rounding, which is a level of 255 where bytes are cut off."""
    factors = torch.linspace(*bounds, len(IMAGES))
    for images, tolerance in ((IMAGES[:, :channels], 1.0), (IMAGES[:, :channels] / 255, 1e-5)):
        changed = change(images, factors[:, None, None, None])
        expected = torch.stack([theirs(one, float(factor)) for one, factor in zip(images, factors, strict=True)])
        assert changed.dtype == images.dtype
        difference = (changed.double() - expected.double()).abs()
        assert difference.max() <= tolerance
        assert (difference > 1e-5).double().mean() < 0.002


def by_hand(images: Tensor, drawn: Tensor) -> Tensor:
    """All changes by torchvision, in each image's own order."""
    lows = torch.tensor([0.6, 0.4, 0.0, -0.3], dtype=torch.float64)
    highs = torch.tensor([1.4, 1.6, 2.5, 0.3], dtype=torch.float64)
    changed = []
    for image, row in zip(images, drawn, strict=True):
        for number in row[4:].argsort().tolist():
            factor = lows[number] + (highs[number] - lows[number]) * row[number]
            image = CHANGES[number][1](image, float(factor))  # noqa: PLW2901
        changed.append(image)
    return torch.stack(changed)


def test_all_changes_come_in_each_images_order() -> None:
    """With the factors that were drawn, from the ranges that the plan gives; the images that were given stay."""
    before, drawn = IMAGES.clone(), draw_jitters(len(IMAGES), Generator().manual_seed(2))
    difference = jitter(IMAGES / 255, drawn, PLAN) - by_hand(IMAGES / 255, drawn)
    assert difference.abs().max() <= 1e-4
    of_bytes = jitter(IMAGES, drawn, PLAN).double() - by_hand(IMAGES, drawn).double()
    assert (of_bytes.abs() > 2).double().mean() < 0.01
    assert torch.equal(IMAGES, before)


def test_an_image_has_the_same_bits_in_any_batch() -> None:
    """An engine may change images one batch or several at a time."""
    drawn = draw_jitters(len(IMAGES), Generator().manual_seed(3))
    for size in (1, 5, 17):
        parts = zip(torch.split(IMAGES, size), torch.split(drawn, size), strict=True)
        assert torch.equal(torch.cat([jitter(*part, PLAN) for part in parts]), jitter(IMAGES, drawn, PLAN))


def test_what_is_not_asked_for_stays() -> None:
    """Ranges of zero change nothing, whatever is drawn."""
    drawn = draw_jitters(len(IMAGES), Generator().manual_seed(4))
    assert torch.equal(jitter(IMAGES, drawn, ColorJitterPlan()), IMAGES)
    brighter = jitter(IMAGES, drawn, ColorJitterPlan(brightness=0.5))
    assert torch.equal(brighter, brighten(IMAGES, (0.5 + drawn[:, 0]).float()[:, None, None, None]))


def test_draws_cover_orders_and_ranges() -> None:
    """All orders are as likely, and so are all factors."""
    drawn = draw_jitters(24_000, Generator().manual_seed(5))
    orders, counts = torch.unique(drawn[:, 4:].argsort(1), dim=0, return_counts=True)
    assert len(orders) == 24
    assert counts.min() > 850
    assert (drawn[:, :4].mean(0) - 0.5).abs().max() < 0.01


def test_other_channels_have_no_colours() -> None:
    """Two are neither grey nor red, green and blue."""
    require_fit((PLAN,), (1, 8, 8))
    with pytest.raises(InvalidPlan, match="these have 2"):
        require_fit((PLAN,), (2, 8, 8))
