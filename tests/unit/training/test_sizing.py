"""Out of memory: the error names a batch that fits. Under stand-ins for a full GPU."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from tests.unit.training.tiny import CPU, Recording, tiny_data, tiny_plan
from worker.training import sizing
from worker.training.engines import reference
from worker.training.errors import OutOfDeviceMemory
from worker.training.optim.losses import mean_loss
from worker.training.plan import TrainingPlan

DATA = tiny_data()
CUDA = torch.device("cuda:0")
FULL = OutOfDeviceMemory("cuda:0 has not enough free memory.")


def fits_up_to(monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    """A device with room for batches of so many images."""

    def loss(scores: Tensor, labels: Tensor, label_smoothing: float) -> Tensor:
        if len(labels) > most:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return mean_loss(scores, labels, label_smoothing)

    monkeypatch.setattr(reference, "mean_loss", loss)


@pytest.mark.parametrize("most, fits", [(9, False), (10, True)])
def test_one_step_and_one_batch_of_validation_are_tried(monkeypatch: pytest.MonkeyPatch, most: int, fits: bool) -> None:
    """By the run's own engine, with batches of that size."""
    fits_up_to(monkeypatch, most)
    assert sizing._fits(tiny_plan(batch_size=10), DATA, CPU, "reference") is fits


@pytest.mark.parametrize(
    "most, advice",
    [
        (16, "Batches of 10 fit there now."),
        (2, "Batches of 2 fit"),
        (0, "Not even a batch of one image fits there now"),
    ],
)
def test_the_largest_half_that_fits_is_named(monkeypatch: pytest.MonkeyPatch, most: int, advice: str) -> None:
    """A half, a quarter and so on of the batch that did not fit."""

    def fits(plan: TrainingPlan, *_: object) -> bool:
        return plan.batch_size <= most

    monkeypatch.setattr(sizing, "_fits", fits)
    found = str(sizing.with_size_that_fits(FULL, tiny_plan(batch_size=40 if most < 16 else 20), DATA, CUDA, "auto"))
    assert found.startswith("cuda:0 has not enough free memory for this network and batches of ")
    assert advice in found


def test_a_cpu_is_not_filled_once_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever else runs there would pay for the trial; the error says what to do all the same, and may be retried."""
    fits_up_to(monkeypatch, 8)
    with pytest.raises(OutOfDeviceMemory, match=r"cpu has not enough free memory .* Make either smaller") as raised:
        Recording(tiny_plan(), DATA)
    assert raised.value.retryable


def test_a_run_that_does_not_fit_says_what_does(monkeypatch: pytest.MonkeyPatch) -> None:
    """From the trainer, whose own tensors are gone by then."""
    fits_up_to(monkeypatch, 8)
    monkeypatch.setattr(sizing, "_fits", lambda plan, *_: plan.batch_size <= 8)
    monkeypatch.setattr(
        "worker.training.trainer.with_size_that_fits",
        lambda error, plan, data, _, engine: sizing.with_size_that_fits(error, plan, data, CUDA, engine),
    )
    with pytest.raises(OutOfDeviceMemory, match=r"batches of 40\. Batches of 5 fit there now"):
        Recording(tiny_plan(batch_size=40), DATA)
