"""The running figures of an epoch."""

from __future__ import annotations

import math

import pytest
import torch

from tests.unit.training.tiny import CPU
from worker.training.errors import NonFiniteLoss
from worker.training.state.tally import Tally

RIGHT, LABELS = torch.tensor([[1.0, 0.0]] * 4), torch.zeros(4, dtype=torch.int64)


def test_the_short_last_batch_weighs_less() -> None:
    """The mean is over samples, not over batches."""
    tally = Tally(1, samples=6, batch_size=4, device=CPU)
    tally.add(torch.tensor(1.0), RIGHT, LABELS)
    tally.add(torch.tensor(4.0), -RIGHT[:2], LABELS[:2])
    assert tally.figures() == (2.0, 4 / 6, 4.0)


@pytest.mark.parametrize("loss", [math.nan, math.inf])
def test_a_loss_that_is_not_finite_names_epoch_and_batch(loss: float) -> None:
    """Both count from 1, and the message says what to try."""
    tally = Tally(7, samples=12, batch_size=4, device=CPU)
    tally.add(torch.tensor(1.0), RIGHT, LABELS)
    with pytest.raises(NonFiniteLoss, match=r"epoch 7, batch 2.*smaller learning rate") as caught:
        tally.add(torch.tensor(loss), RIGHT, LABELS)
    assert (caught.value.epoch, caught.value.batch, caught.value.retryable) == (7, 2, False)


def test_a_bad_loss_found_at_the_end_names_the_first_batch() -> None:
    """Where losses are not read as they come, the first bad one is named all the same."""
    tally = Tally(2, samples=12, batch_size=4, device=CPU)
    tally.restore(
        {"epoch": 2, "batches": 3, "losses": torch.tensor([1.0, math.nan, math.nan]), "correct": torch.tensor(0)}
    )
    with pytest.raises(NonFiniteLoss, match="epoch 2, batch 2"):
        tally.figures()
