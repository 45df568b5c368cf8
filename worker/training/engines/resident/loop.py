"""An engine in two parts: a program that knows how to take steps, and the loop that feeds it blocks of rows."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Protocol

import torch
from torch import Tensor, nn

from worker.training.data import LoadedDataset
from worker.training.engines.resident.splits import ResidentTraining, ResidentValidation
from worker.training.network.build import fresh_network
from worker.training.plan import TrainingPlan
from worker.training.state.tally import Tally


class Program(Protocol):
    """Takes the steps of one network."""

    batches: int
    """In a block, at most."""
    predicted: int
    """Rows in a call of `predict`, at most: one batch of `evaluation`, or several whole ones."""
    network: nn.Module
    """What `predict` uses: the trained one, or its average."""

    def rows(self, images: Tensor) -> Tensor:
        """The form in which this program wants normalised images (N, C, H, W); rows of it go with labels."""

    def images(self, rows: Tensor) -> Tensor:
        """Rows as the network takes them."""

    def rates(self, rates: Sequence[float]) -> Tensor:
        """The form in which this program wants learning rates; pieces of it go with rows."""

    def train_on(self, rows: Tensor, labels: Tensor, rates: Tensor) -> tuple[Tensor, Tensor]:
        """One block's steps: the mean loss of each batch (k), before its own step, and how many were right, a scalar.

        Rows, and labels (N) int64, of so many whole batches, or fewer, the last of which may be short; each batch has
        its learning rate (k). A function of its arguments and of what the program keeps at fixed addresses: it may be
        recorded and played again.
        """

    def predict(self, rows: Tensor) -> Tensor:
        """Scores (N, classes) fp32. Draws from no generator."""

    def state(self) -> dict[str, Any]:
        """Everything but the network's own, to go on from."""

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from there; the network has been restored before."""


class ResidentLoop(ABC):
    """Runs a program over splits that are on the device and normalised once; a boundary after each block.

    A subclass names itself and its program. On a GPU nothing is read back before the epoch's end.
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
        """The program of the plan's network, which is on the device."""

    def run_epoch(self, tally: Tally, rates: Sequence[float], boundary: Callable[[], None]) -> None:
        """See `Engine.run_epoch`."""
        self._training.begin_epoch()
        size, samples = self._plan.batch_size, len(self._training)
        rates_there = self._program.rates(rates)
        for first in range(tally.batches, len(rates), self._program.batches):
            after = first + self._program.batches
            rows, labels = self._training.rows(first * size, min(after * size, samples))
            tally.add_block(*self._program.train_on(rows, labels, rates_there[first:after]))
            boundary()
        self._training.draw_ahead()

    def validation_scores(self, between: Callable[[], None]) -> Tensor:
        """See `Engine.validation_scores`."""
        scores = []
        for rows in self._validation:
            scores.append(self._program.predict(rows).clone())
            between()
        return torch.cat(scores).cpu()

    def sample_batch(self) -> tuple[Tensor, Tensor]:
        """See `Engine.sample_batch`."""
        rows, labels = self._training.first(self._plan.batch_size)
        return self._program.images(rows), labels

    def state(self) -> dict[str, Any]:
        """Network, the program's own, and the order."""
        return {
            "network": self._trained.state_dict(),
            "program": self._program.state(),
            "order": self._training.state(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Network, the program's own, and the order."""
        self._trained.load_state_dict(state["network"])
        self._program.restore(state["program"])
        self._training.restore(state["order"])
