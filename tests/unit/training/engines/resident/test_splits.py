"""Resident splits give the reference loader's batches, bit for bit."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from tests.unit.training.tiny import CPU, DATASET, tiny_data, tiny_plan
from worker.training.data.loader import Loader, normalizer
from worker.training.engines.resident import prepared
from worker.training.engines.resident.splits import ResidentTraining, ResidentValidation
from worker.training.plan import AugmentPlan, CropPlan, CutoutPlan, FlipPlan, Normalization

FLIP, CUTOUT = FlipPlan(), CutoutPlan(size=9)
DATA = tiny_data(train=300, val=260)  # more than is normalised, or validated, at a time


def as_they_are(images: Tensor) -> Tensor:
    """Keep images in the form in which they come."""
    return images


def channels_last(images: Tensor) -> Tensor:
    """Keep them as (N, H, W, C)."""
    return images.permute(0, 2, 3, 1).contiguous()


@pytest.mark.parametrize(
    "augment",
    [(), (FLIP, CropPlan(padding=2)), (FLIP, CropPlan(padding_mode="reflect"), CUTOUT)],
    ids=["plain", "augmented", "all of it"],
)
@pytest.mark.parametrize("normalize", ["published", "computed", "none"])
def test_rows_are_the_loaders_batches(normalize: Normalization, augment: tuple[AugmentPlan, ...]) -> None:
    """In whichever pieces they are asked for, over two epochs."""
    plan = tiny_plan(dataset=dataclasses.replace(DATASET, normalize=normalize), augment=augment, batch_size=50)
    training, loader = ResidentTraining(plan, DATA, CPU, as_they_are), Loader(plan, DATA, CPU)
    for _ in range(2):
        training.begin_epoch()
        first = 0
        for images, labels in loader.epoch():
            rows, same_labels = training.rows(first, first + len(labels))
            first += len(labels)
            assert torch.equal(rows, images)
            assert torch.equal(same_labels, labels)
        training.draw_ahead()


@pytest.mark.parametrize("augment", [(), (FlipPlan(),)], ids=["plain", "augmented"])
def test_rows_keep_the_form_that_was_asked_for(augment: tuple[AugmentPlan, ...]) -> None:
    """Picking some leaves the channels last, and so does augmenting."""
    plan = tiny_plan(augment=augment)
    training = ResidentTraining(plan, DATA, CPU, channels_last)
    training.begin_epoch()
    rows, _ = training.rows(0, 40)
    (images, _), *_ = Loader(plan, DATA, CPU).epoch()
    assert rows.is_contiguous()
    assert torch.equal(rows.permute(0, 3, 1, 2), images)
    assert training.first(3)[0].shape == (3, 32, 32, 3)


def test_a_state_holds_while_the_next_epoch_is_drawn_already() -> None:
    """What is drawn ahead does not count: the state stays that of the running epoch's start."""
    training, other = (ResidentTraining(tiny_plan(), DATA, CPU, as_they_are) for _ in range(2))
    training.begin_epoch()
    training.begin_epoch()
    running = training.rows(0, 600)[1]
    training.draw_ahead()
    other.restore(training.state())
    other.begin_epoch()
    assert torch.equal(other.rows(0, 600)[1], running)


def test_validation_is_whole_and_in_the_splits_order() -> None:
    """All images, normalised, in pieces that are no larger than the reference's."""
    plan = tiny_plan()
    pieces = list(ResidentValidation(plan, DATA, CPU, as_they_are))
    assert [len(piece) for piece in pieces] == [500, 20]
    assert torch.equal(torch.cat(pieces), normalizer(plan, DATA)(DATA.val.images))


class TestPrepared:
    """Splits that outlive their run."""

    def test_the_next_run_takes_what_the_last_one_prepared(self) -> None:
        """The same memory, whatever else the runs differ in; and it is what would have been prepared anew."""
        one, other = (ResidentValidation(tiny_plan(seed=seed), DATA, CPU, as_they_are) for seed in (0, 1))
        assert _pointers(one) == _pointers(other)
        prepared.forget()
        anew = ResidentValidation(tiny_plan(), DATA, CPU, as_they_are)
        assert _pointers(anew) != _pointers(one)
        assert torch.equal(torch.cat([*anew]), torch.cat([*one]))

    @pytest.mark.parametrize(
        "other",
        [
            lambda: ResidentValidation(tiny_plan(), DATA, CPU, channels_last),
            lambda: ResidentValidation(tiny_plan(), DATA, CPU, lambda images: images.double()),
            lambda: ResidentValidation(tiny_plan(), tiny_data(train=300, val=260), CPU, as_they_are),
            lambda: ResidentValidation(
                tiny_plan(dataset=dataclasses.replace(DATASET, normalize="none")), DATA, CPU, as_they_are
            ),
        ],
        ids=["layout", "type", "images", "normalisation"],
    )
    def test_what_differs_is_prepared_anew(self, other: Callable[[], ResidentValidation]) -> None:
        """By as little as the mean that is subtracted; and then in its own form."""
        before = ResidentValidation(tiny_plan(), DATA, CPU, as_they_are)
        changed = other()
        assert _pointers(changed) != _pointers(before)
        prepared.forget()
        assert torch.equal(torch.cat([*changed]), torch.cat([*other()]))

    def test_only_one_data_sets_splits_stay(self) -> None:
        """What was prepared for the images before goes, before memory is taken for the next."""
        prepared.forget()
        for data in (tiny_data(train=20, val=10), tiny_data(train=30, val=20), tiny_data(train=40, val=30)):
            ResidentTraining(tiny_plan(), data, CPU, as_they_are)
            ResidentValidation(tiny_plan(), data, CPU, as_they_are)
        assert sorted(len(kept) for *_, kept in prepared._kept.values()) == [60, 80]


def _pointers(split: ResidentValidation) -> list[int]:
    return [part.data_ptr() for part in split]
