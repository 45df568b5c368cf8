"""The interface between the trainer and the engines."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Protocol

import torch
from torch import Tensor, nn

from worker.training.data import LoadedDataset
from worker.training.plan import TrainingPlan
from worker.training.state.tally import Tally


class Engine(Protocol):
    """Holds the network, the optimizer and the loader, and takes the training steps.

    The schedule, early stopping, the best weights and checkpoints are the trainer's. A new engine starts from
    `network.build.fresh_network`.
    """

    name: ClassVar[str]
    network: nn.Module
    """The network that is validated and stored: the trained one, or its average where the plan has one.

    Up to date whenever `boundary` is called and when `run_epoch` returns.
    """

    @staticmethod
    def fits(plan: TrainingPlan, device: torch.device) -> bool:
        """Whether this engine can run the plan on the device."""

    def __init__(self, plan: TrainingPlan, data: LoadedDataset, device: torch.device) -> None: ...

    def run_epoch(self, tally: Tally, rates: Sequence[float], boundary: Callable[[], None]) -> None:
        """Take the epoch's steps after the first `tally.batches` ones, adding each batch to the tally.

        Each step of the epoch has its own learning rate in `rates`, also those that are already taken.
        Calls `boundary` after every step, or block of steps counted from the epoch's start, of at most 250 ms. At that
        point `state` is complete, and an exception from `boundary` passes through.
        """

    def validation_scores(self, between: Callable[[], None]) -> Tensor:
        """Scores (N, classes) fp32 on the CPU for every validation image. Draws from no generator.

        Calls `between`, which is a boundary, after every batch.
        """

    def sample_batch(self) -> tuple[Tensor, Tensor]:
        """One batch on the device, images and labels, for a trial step; draws from no generator."""

    def learned(self) -> list[Tensor]:
        """The tensors that steps change, those of the network first, in an order that all engines share.

        They are the network's, its average's where there is one, and the optimizer's for each parameter.
        """

    def generators(self) -> dict[str, Tensor]:
        """States of the generators of order and augmentation after the epoch's draws, once `run_epoch` has returned."""

    def state(self) -> dict[str, Any]:
        """Checkpoint state at the last boundary: plain values and tensors, which later steps may change."""

    def restore(self, state: dict[str, Any]) -> None:
        """Restore the engine from what `state` returned.

        Raises:
            KeyError, RuntimeError, ValueError: the state is that of another network or plan.
        """


def learned_by(trained: nn.Module, validated: nn.Module) -> list[Tensor]:
    """The tensors of the network that is trained, and of its average where that is the one that is validated."""
    average = [] if validated is trained else [*validated.state_dict().values()]
    return [*trained.state_dict().values(), *average]
