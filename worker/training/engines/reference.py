"""The reference engine: the plain PyTorch loop that defines what every job means."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from typing_extensions import override

from worker.training.data import LoadedDataset
from worker.training.data.loader import Loader, normalizer
from worker.training.device import precision
from worker.training.engines.base import Engine, learned_by
from worker.training.evaluation import predict
from worker.training.network.build import fresh_network
from worker.training.optim.averaging import average_of
from worker.training.optim.losses import mean_loss
from worker.training.optim.optimizers import buffers_of, build_optimizer, set_learning_rate
from worker.training.plan import TrainingPlan
from worker.training.state.tally import Tally


class ReferenceEngine(Engine):
    """A DataLoader, a forward pass, a backward pass and a step; a boundary after each step."""

    name: ClassVar[str] = "reference"

    @staticmethod
    @override
    def fits(plan: TrainingPlan, device: torch.device) -> bool:
        """Always true: the reference runs every plan on every device."""
        del plan, device
        return True

    def __init__(self, plan: TrainingPlan, data: LoadedDataset, device: torch.device) -> None:
        self._plan, self._data, self._device = plan, data, device
        self._trained = fresh_network(plan, data).to(device)
        self._average = average_of(plan.weight_average, self._trained)
        self.network: nn.Module = self._average.network
        self._optimizer = build_optimizer(plan.optimizer, self._trained.parameters())
        self._loader = Loader(plan, data, device)

    @override
    def run_epoch(self, tally: Tally, rates: Sequence[float], boundary: Callable[[], None]) -> None:
        self._trained.train()
        for host_images, host_labels in self._loader.epoch(first=tally.batches):
            images = host_images.to(self._device, non_blocking=True)
            labels = host_labels.to(self._device, non_blocking=True)
            with precision(self._plan, self._device):
                scores = self._trained(images)
                loss = mean_loss(scores, labels, self._plan.label_smoothing)
            set_learning_rate(self._optimizer, rates[tally.batches])
            self._optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            self._optimizer.step()
            self._average.update()
            tally.add(loss, scores, labels)
            boundary()

    @override
    def validation_scores(self, between: Callable[[], None]) -> Tensor:
        return predict(self.network, self._data.val, normalizer(self._plan, self._data), self._plan, between)

    @override
    def sample_batch(self) -> tuple[Tensor, Tensor]:
        """The training split's first images, normalised and not augmented, and their labels."""
        split, size = self._data.train, self._plan.batch_size
        images = normalizer(self._plan, self._data)(split.images[:size])
        return images.to(self._device), split.labels[:size].to(self._device)

    @override
    def learned(self) -> list[Tensor]:
        return [*learned_by(self._trained, self.network), *buffers_of(self._optimizer)]

    @override
    def generators(self) -> dict[str, Tensor]:
        return self._loader.generators()

    @override
    def state(self) -> dict[str, Any]:
        """Checkpoint state of the network, the average, the optimizer and the loader."""
        return {
            "network": self._trained.state_dict(),
            "average": self._average.state(),
            "optimizer": self._optimizer.state_dict(),
            "loader": self._loader.state(),
        }

    @override
    def restore(self, state: dict[str, Any]) -> None:
        """Restore the network, the average, the optimizer and the loader from what `state` returned."""
        self._trained.load_state_dict(state["network"])
        self._average.restore(state["average"])
        self._optimizer.load_state_dict(state["optimizer"])
        self._loader.restore(state["loader"])
