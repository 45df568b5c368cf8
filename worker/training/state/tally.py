"""The running sums of one epoch's losses and correct guesses."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import torch
from torch import Tensor

from worker.training.errors import NonFiniteLoss


class Figures(NamedTuple):
    """The figures of an epoch's training steps, as in `EpochResult`."""

    train_loss: float
    train_accuracy: float
    last_batch_loss: float


class Tally:
    """Losses batch by batch and correct guesses, on the device: nothing is read back before the epoch ends.

    Attributes:
        epoch: the epoch's number, from 1.
        steps: how many batches the epoch has.
        batches: how many of them are done.
    """

    def __init__(self, epoch: int, samples: int, batch_size: int, device: torch.device) -> None:
        self.epoch = epoch
        self.batches = 0
        self._samples, self._batch_size = samples, batch_size
        self.steps = math.ceil(samples / batch_size)
        self._losses = torch.zeros(self.steps, device=device)
        self._correct = torch.zeros((), dtype=torch.int64, device=device)

    def add(self, loss: Tensor, scores: Tensor, labels: Tensor) -> None:
        """Count a batch: its mean loss (scalar), scores (N, classes) and labels (N). Raises NonFiniteLoss on a CPU."""
        self._losses[self.batches] = loss.detach()
        self._correct += (scores.detach().argmax(1) == labels).sum()
        self.batches += 1
        if self._losses.device.type == "cpu":  # reading is free here; on a GPU the check waits for the epoch's end
            self.require_finite(self.batches - 1)

    def add_block(self, losses: Tensor, correct: Tensor) -> None:
        """Count a block of batches: the mean loss of each (k), and correct guesses. Raises NonFiniteLoss on a CPU."""
        first, self.batches = self.batches, self.batches + len(losses)
        self._losses[first : self.batches] = losses
        self._correct += correct
        if self._losses.device.type == "cpu":
            self.require_finite(first)

    def require_finite(self, first: int = 0) -> None:
        """Raise NonFiniteLoss for the first batch from number `first` (from 0) on whose loss is not finite."""
        self._require_finite(self._losses[first : self.batches].tolist(), first)

    def _require_finite(self, losses: list[float], first: int) -> None:
        for number, loss in enumerate(losses, start=first + 1):
            if not math.isfinite(loss):
                raise NonFiniteLoss(loss, self.epoch, number)

    def figures(self) -> Figures:
        """The finished epoch's figures. Raises NonFiniteLoss."""
        losses = self._losses.tolist()
        self._require_finite(losses, 0)
        sizes = [self._batch_size] * len(losses)
        sizes[-1] = self._samples - self._batch_size * (len(losses) - 1)
        mean = math.fsum(loss * size for loss, size in zip(losses, sizes, strict=True)) / self._samples
        return Figures(mean, int(self._correct) / self._samples, losses[-1])

    def state(self) -> dict[str, Any]:
        """Checkpoint state: the epoch, the batches done, their losses and correct guesses."""
        return {"epoch": self.epoch, "batches": self.batches, "losses": self._losses, "correct": self._correct}

    def restore(self, state: dict[str, Any]) -> None:
        """Restore the tally from what `state` returned."""
        self.epoch, self.batches = state["epoch"], state["batches"]
        self._losses.copy_(state["losses"])
        self._correct.copy_(state["correct"])
