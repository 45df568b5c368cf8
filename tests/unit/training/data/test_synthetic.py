"""The drawn data set: the same on every machine, varied, and neither trivial nor hopeless."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tests.unit.training.tiny import DATASET, Recording, tiny_data, tiny_plan
from worker.training.data import load
from worker.training.data.sources.synthetic import CHUNK, draw_split
from worker.training.plan import MlpPlan

FINGERPRINT = "d7612059843750ba0f5d24ef2ff8734de51705be45bab1f2c1c0010c2fc68d7f"


def test_its_fingerprint_never_changes(tmp_path: Path) -> None:
    """All 12,000 pictures are the same as ever; a change to the drawing needs a new version and a new name here."""
    data = load(DATASET, tmp_path, tmp_path)
    assert data.fingerprint == FINGERPRINT
    assert (data.source, data.input_shape, len(data.train), len(data.val)) == ("drawn", (3, 32, 32), 10_000, 2_000)


def test_a_picture_does_not_depend_on_how_many_are_drawn() -> None:
    """Picture n of a class is the same in a small set and in a large one."""
    few, many = draw_split(("bird",), "train", 3), draw_split(("bird",), "train", CHUNK + 3)
    assert torch.equal(few.images, many.images[:3])


def test_no_two_pictures_are_alike() -> None:
    """Over both classes and both splits."""
    data = tiny_data(CHUNK + 20, 30)
    pictures = torch.cat([data.train.images, data.val.images]).flatten(1)
    assert len({picture.numpy().tobytes() for picture in pictures}) == len(pictures)


def test_classes_lie_one_after_the_other() -> None:
    """In the order asked for, labelled from 0."""
    split = draw_split(("bird", "airplane"), "val", 4)
    assert split.labels.tolist() == [0] * 4 + [1] * 4
    assert torch.equal(split.images[4:], draw_split(("airplane",), "val", 4).images)


@pytest.mark.parametrize("channel", [0, 1, 2])
def test_one_channel_alone_does_not_tell_the_classes_apart(channel: int) -> None:
    """The classes' colours overlap: no threshold on a channel's mean gets more than four fifths right."""
    data = tiny_data(200, 1)
    means = data.train.images[:, channel].double().mean((1, 2))
    order = data.train.labels[means.argsort()].double()
    right = order.cumsum(0) + (1 - order).sum() - (1 - order).cumsum(0)
    assert max(right.max().item(), len(order) - right.min().item()) / len(order) < 0.8


def test_a_network_learns_it_in_part() -> None:
    """A small network on a fifth of the pictures gets well above chance, and not everything."""
    run = Recording(tiny_plan(architecture=MlpPlan((32,)), epochs=4, batch_size=64), tiny_data(1000, 300))
    assert 0.7 < run.result.evaluations["best"].accuracy < 0.97
