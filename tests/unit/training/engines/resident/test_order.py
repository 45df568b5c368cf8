"""An epoch's draws are those of the reference's loader, also from the middle of a run on."""

from __future__ import annotations

import pytest
import torch

from tests.unit.training.tiny import CPU, tiny_data, tiny_plan
from worker.training.data.augmentation import apply, augment
from worker.training.data.loader import Loader, normalizer
from worker.training.engines.resident.order import Order
from worker.training.plan import AugmentPlan, CropPlan, FlipPlan, TrainingPlan

DATA = tiny_data()
STEPS: tuple[AugmentPlan, ...] = (FlipPlan(), CropPlan(padding=2))


def labels_and_images(plan: TrainingPlan, epochs: int) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """What the reference's loader gives, whole epochs in one piece."""
    loader = Loader(plan, DATA, CPU)
    pieces = [list(loader.epoch()) for _ in range(epochs)]
    return [
        (torch.cat([images for images, _ in piece]), torch.cat([labels for _, labels in piece])) for piece in pieces
    ]


@pytest.mark.parametrize("batch_size", [1, 7, 40, 96, 100])
@pytest.mark.parametrize("shuffle", [True, False])
def test_the_order_is_the_loaders(batch_size: int, shuffle: bool) -> None:
    """Over several epochs, whatever the batch size: the images that the loader gives, in its order."""
    plan = tiny_plan(seed=3, batch_size=batch_size, shuffle=shuffle)
    order, images = Order(plan, len(DATA.train)), normalizer(plan, DATA)(DATA.train.images)
    for expected, labels in labels_and_images(plan, epochs=3):
        which = order.next_epoch().order
        assert torch.equal(images[which], expected)
        assert torch.equal(DATA.train.labels[which], labels)


@pytest.mark.parametrize("batch_size", [1, 7, 40, 96, 100])
def test_augmentation_draws_batch_by_batch(batch_size: int) -> None:
    """The draws of an epoch are those that the loader makes one batch after another."""
    plan = tiny_plan(seed=3, batch_size=batch_size, augment=STEPS)
    order, generator = Order(plan, len(DATA.train)), torch.Generator().manual_seed(3)
    for expected, _ in labels_and_images(plan, epochs=2):
        draws = order.next_epoch()
        parts = torch.split(draws.order, batch_size)
        pixels = torch.cat([augment(DATA.train.images[part], STEPS, generator) for part in parts])
        assert [drawn.shape for drawn in draws.augmentation] == [(96,), (96, 2)]
        assert torch.equal(normalizer(plan, DATA)(pixels), expected)
        applied = DATA.train.images[draws.order]
        for step, drawn in zip(STEPS, draws.augmentation, strict=True):
            applied = apply(applied, step, drawn)
        assert torch.equal(applied, pixels)


def test_draws_carry_what_draws_them_again() -> None:
    """An order that goes back to an epoch's start draws it again, and then the next ones."""
    plan = tiny_plan(augment=STEPS)
    order, other = Order(plan, 96), Order(plan, 96)
    order.next_epoch()
    running, following = order.next_epoch(), order.next_epoch()
    other.restore(running.start)
    for expected in (running, following):
        again = other.next_epoch()
        assert torch.equal(again.order, expected.order)
        assert all(map(torch.equal, again.augmentation, expected.augmentation))


def test_the_global_generator_is_left_alone() -> None:
    """Only the order's own generators are drawn from."""
    before = torch.get_rng_state()
    Order(tiny_plan(augment=STEPS), 96).next_epoch()
    assert torch.equal(torch.get_rng_state(), before)
