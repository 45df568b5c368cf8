"""The loader: the order that the seed gives, normalisation, and epochs that are resumed."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from torch import Generator, Tensor
from torch.utils.data import DataLoader, TensorDataset
from torchvision import transforms

from tests.unit.training.tiny import CPU, DATASET, tiny_data, tiny_plan
from worker.training.data.loader import Loader, inputs_of, normalizer
from worker.training.plan import CropPlan, FlipPlan, Normalization

DATA = tiny_data()


def batches_of(loader: Loader, first: int = 0) -> list[tuple[Tensor, Tensor]]:
    """One epoch."""
    return list(loader.epoch(first))


def same(left: list[tuple[Tensor, Tensor]], right: list[tuple[Tensor, Tensor]]) -> bool:
    """Whether two epochs are the same, batch for batch."""
    pairs = zip(left, right, strict=True)
    return all(torch.equal(a, b) for one, other in pairs for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize("batch_size", [1, 7, 32, 96, 100])
def test_the_order_is_a_shuffling_dataloaders(batch_size: int) -> None:
    """Over several epochs, the batches are those of DataLoader(shuffle=True) with a generator of the same seed."""
    plan = tiny_plan(seed=4, batch_size=batch_size)
    images = normalizer(plan, DATA)(DATA.train.images)
    dataset = TensorDataset(images, DATA.train.labels)
    plain: DataLoader[tuple[Tensor, ...]] = DataLoader(
        dataset, batch_size=batch_size, shuffle=True, generator=Generator().manual_seed(4)
    )
    loader = Loader(plan, DATA, CPU)
    for _ in range(3):
        assert same(batches_of(loader), [(images, labels) for images, labels in plain])


def test_without_shuffling_the_order_is_the_files() -> None:
    """Every epoch goes through the split as it lies."""
    loader = Loader(tiny_plan(shuffle=False), DATA, CPU)
    for _ in range(2):
        assert torch.equal(torch.cat([labels for _, labels in loader.epoch()]), DATA.train.labels)


def test_the_last_short_batch_is_kept() -> None:
    """96 images in batches of 40 are 40, 40 and 16."""
    assert [len(labels) for _, labels in Loader(tiny_plan(), DATA, CPU).epoch()] == [40, 40, 16]


def test_the_global_generator_is_left_alone() -> None:
    """Order and augmentation draw from generators of their own."""
    before = torch.get_rng_state()
    batches_of(Loader(tiny_plan(augment=(FlipPlan(), CropPlan())), DATA, CPU))
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("done", [1, 2, 3])
@pytest.mark.parametrize("shuffle", [True, False])
def test_a_restored_loader_goes_on_with_the_next_batch(done: int, shuffle: bool) -> None:
    """The rest of the epoch and the whole next one are as if nothing had happened, augmentation included."""
    plan = tiny_plan(augment=(CropPlan(), FlipPlan()), shuffle=shuffle)
    loader = Loader(plan, DATA, CPU)
    batches_of(loader)
    epoch = loader.epoch()
    for _ in range(done):
        next(epoch)
    state = {name: value.clone() for name, value in loader.state().items()}
    rest, following = list(epoch), batches_of(loader)

    restored = Loader(plan, DATA, CPU)
    restored.restore(state)
    assert same(batches_of(restored, first=done), rest)
    assert same(batches_of(restored), following)


def test_published_normalisation_is_torchvisions() -> None:
    """To the last bit what ToTensor and Normalize make of an image with the published figures."""
    mean, std = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)
    expected = transforms.Compose(
        [transforms.ToPILImage(), transforms.ToTensor(), transforms.Normalize(mean=mean, std=std)]
    )
    ours = normalizer(tiny_plan(), DATA)(DATA.train.images[:9])
    assert all(torch.equal(image, expected(raw)) for image, raw in zip(ours, DATA.train.images, strict=False))


def test_computed_normalisation_centres_the_training_images() -> None:
    """With the images' own figures, each channel has mean 0 and deviation 1."""
    plan = tiny_plan(dataset=dataclasses.replace(DATASET, normalize="computed"))
    images = normalizer(plan, DATA)(DATA.train.images).double()
    assert images.mean((0, 2, 3)).abs().max() < 1e-6
    assert (images.std((0, 2, 3), correction=0) - 1).abs().max() < 1e-6


def test_a_channel_without_deviation_stays_finite() -> None:
    """A constant channel is centred, not divided by zero."""
    plan = tiny_plan(dataset=dataclasses.replace(DATASET, normalize="computed"))
    flat = dataclasses.replace(DATA, std=(0.0, *DATA.std[1:]))
    assert torch.isfinite(normalizer(plan, flat)(DATA.train.images)).all()


def test_no_normalisation_only_scales() -> None:
    """Black is 0 and white is 1."""
    plan = tiny_plan(dataset=dataclasses.replace(DATASET, normalize="none"))
    ends = torch.tensor([0, 255], dtype=torch.uint8).view(2, 1, 1, 1)
    assert normalizer(plan, DATA)(ends).flatten().tolist() == [0.0, 1.0]


@pytest.mark.parametrize("normalize", ["published", "computed", "none"])
def test_the_recorded_inputs_are_those_used(normalize: Normalization) -> None:
    """Whoever scales images by them gets the very bits, a channel without deviation included."""
    flat = dataclasses.replace(DATA, std=(0.0, *DATA.std[1:]))
    plan = tiny_plan(dataset=dataclasses.replace(DATASET, normalize=normalize))
    inputs = inputs_of(plan, flat)
    assert inputs.shape == (3, 32, 32)
    mean, std = (torch.tensor(figures).view(-1, 1, 1) for figures in (inputs.mean, inputs.std))
    images = DATA.train.images[:9]
    assert torch.equal((images / 255 - mean) / std, normalizer(plan, flat)(images))
