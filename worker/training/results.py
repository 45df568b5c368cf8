"""Results of a run: one value per epoch, and one at the end."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from worker.training.data.loader import Inputs
from worker.training.device import Environment
from worker.training.evaluation import Evaluation

Weights = dict[str, Tensor]
"""Parameters and buffers by name, on the CPU."""


@dataclass(frozen=True)
class EpochResult:
    """One epoch's figures.

    Attributes:
        epoch: the epoch's number, from 1.
        train_loss: mean over the training samples, each before its own step.
        train_accuracy: share of the training samples that were guessed right, each before its own step.
        last_batch_loss: mean loss of the last batch.
        val_loss: mean over the validation samples, without label smoothing.
        val_accuracy: share of the validation samples that were guessed right.
        lr: learning rate of the last step.
        seconds: training and validation together, over all attempts at this epoch.
        samples_per_second: training samples over the time of training alone.
        digest: hash of the run's state after the last step, see `state.fingerprint`.
    """

    epoch: int
    train_loss: float
    train_accuracy: float
    last_batch_loss: float
    val_loss: float
    val_accuracy: float
    lr: float
    seconds: float
    samples_per_second: float
    digest: str


@dataclass(frozen=True)
class TrainingResult:
    """A finished run. The dictionaries have the keys "best" and "last".

    Where the data have a test split, `evaluations` and `logits` also have the best weights' on it, under "test".

    Attributes:
        epochs: number of epochs run; fewer than planned if `stopped_early`.
        best_epoch: the first epoch with the highest validation accuracy.
        weights: parameters and buffers by name, on the CPU; where the last epoch was the best, both are one object.
        evaluations: figures over the whole split.
        logits: scores (N, classes) fp32, in the split's order.
        inputs: the images that the weights expect.
        engine: name of the engine.
        exact: whether a repetition in the same environment gives the same bits.
        environment: all that the result depends on besides the plan.
        stopped_early: whether early stopping ended the run.
        seconds: time of all attempts together.
    """

    epochs: int
    best_epoch: int
    weights: dict[str, Weights]
    evaluations: dict[str, Evaluation]
    logits: dict[str, Tensor]
    inputs: Inputs
    engine: str
    exact: bool
    environment: Environment
    stopped_early: bool
    seconds: float

    @property
    def epoch_of(self) -> dict[str, int]:
        """The epoch of the best and of the last weights, under "best" and "last"; of an evaluation also by its name."""
        test = {"test": self.best_epoch} if "test" in self.evaluations else {}
        return {"best": self.best_epoch, "last": self.epochs, **test}
