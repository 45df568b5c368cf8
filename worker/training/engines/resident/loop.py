"""A resident engine in two parts: a program that takes steps, and the loop that feeds it blocks of rows."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Protocol

import torch
from torch import Tensor, nn
from typing_extensions import override

from worker.training.data import LoadedDataset
from worker.training.engines.base import Engine, learned_by
from worker.training.engines.resident.splits import ResidentTraining, ResidentValidation
from worker.training.network.build import fresh_network
from worker.training.plan import TrainingPlan
from worker.training.state.tally import Tally


class Program(Protocol):
    """Takes the training steps of one network, a block of batches at a time, and predicts with it."""

    batches: int
    """The most batches in a block."""
    predicted: int
    """The most rows in a call of `predict`: one batch of `evaluation`, or several whole ones."""
    network: nn.Module
    """The network that `predict` uses: the trained one, or its average."""

    def rows(self, images: Tensor) -> Tensor:
        """Normalised images (N, C, H, W) in the form that the program stores; its first axis is that of the labels."""

    def images(self, rows: Tensor) -> Tensor:
        """Stored rows in the form that the network takes."""

    def rates(self, rates: Sequence[float]) -> Tensor:
        """The learning rates of steps as a tensor in the form that `train_on` takes slices of."""

    def train_on(self, rows: Tensor, labels: Tensor, rates: Tensor) -> tuple[Tensor, Tensor]:
        """Take one block's steps.

        A function of its arguments and of the program's tensors at fixed addresses: it may be recorded in a graph.

        Args:
            rows: rows of at most `batches` batches, all whole but maybe the last one.
            labels: the rows' labels (N) int64.
            rates: the learning rate of each batch (k).

        Returns:
            The mean loss of each batch (k), before its own step, and the count of correct guesses, a scalar.
        """

    def predict(self, rows: Tensor) -> Tensor:
        """Scores (N, classes) fp32. Draws from no generator."""

    def buffers(self) -> list[Tensor]:
        """The optimizer's tensors: those of each name for every parameter, as `optimizers.buffers_of` orders them."""

    def state(self) -> dict[str, Any]:
        """Checkpoint state of the program, without the network's own."""

    def restore(self, state: dict[str, Any]) -> None:
        """Restore the program from what `state` returned; the network has been restored before."""


class ResidentLoop(Engine, ABC):
    """Runs a program over splits that are on the device and normalised once; a boundary after each block.

    A subclass has a name and builds its program. On a GPU nothing is read back before the epoch's end.
    """

    name: ClassVar[str]

    def __init__(self, plan: TrainingPlan, data: LoadedDataset, device: torch.device) -> None:
        self._plan = plan
        self._trained = fresh_network(plan, data).to(device)
        self._program = self.program(plan, self._trained, device)
        self.network: nn.Module = self._program.network
        self._training = ResidentTraining(plan, data, device, self._program.rows)
        self._validation = ResidentValidation(plan, data, device, self._program.rows, self._program.predicted)

    @staticmethod
    @abstractmethod
    def program(plan: TrainingPlan, network: nn.Module, device: torch.device) -> Program:
        """Build the program that trains `network`, which is the plan's and already on the device."""

    @override
    def run_epoch(self, tally: Tally, rates: Sequence[float], boundary: Callable[[], None]) -> None:
        self._training.begin_epoch()
        size, samples = self._plan.batch_size, len(self._training)
        rates_there = self._program.rates(rates)
        for first in range(tally.batches, len(rates), self._program.batches):
            after = first + self._program.batches
            rows, labels = self._training.rows(first * size, min(after * size, samples))
            tally.add_block(*self._program.train_on(rows, labels, rates_there[first:after]))
            boundary()
        self._training.draw_ahead()

    @override
    def validation_scores(self, between: Callable[[], None]) -> Tensor:
        scores = []
        for rows in self._validation:
            scores.append(self._program.predict(rows).clone())
            between()
        return torch.cat(scores).cpu()

    @override
    def sample_batch(self) -> tuple[Tensor, Tensor]:
        rows, labels = self._training.first(self._plan.batch_size)
        return self._program.images(rows), labels

    @override
    def learned(self) -> list[Tensor]:
        return [*learned_by(self._trained, self.network), *self._program.buffers()]

    @override
    def generators(self) -> dict[str, Tensor]:
        return self._training.generators()

    @override
    def state(self) -> dict[str, Any]:
        """Checkpoint state of the network, the program and the order of the samples."""
        return {
            "network": self._trained.state_dict(),
            "program": self._program.state(),
            "order": self._training.state(),
        }

    @override
    def restore(self, state: dict[str, Any]) -> None:
        """Restore the network, the program and the order of the samples from what `state` returned."""
        self._trained.load_state_dict(state["network"])
        self._program.restore(state["program"])
        self._training.restore(state["order"])
