"""Fully connected networks without autograd: products, and as little else as there can be."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from worker.training.datasets import LoadedDataset
from worker.training.engines.blocks import batches_in_a_block
from worker.training.engines.first_layer import EagerFirstLayer, FirstLayer, LazyFirstLayer
from worker.training.engines.layers import is_fully_connected, layers_of
from worker.training.engines.objective import Objective
from worker.training.engines.resident import ResidentTraining, ResidentValidation
from worker.training.engines.updates import ByOptimizer, InPlace, Update
from worker.training.networks import build_network
from worker.training.plan import TrainingPlan
from worker.training.tally import Tally


class FusedEngine:
    """Data resident and normalised once; forward, backward and step are one hand-written sequence of products.

    The first layer's weights change once in a block of batches where that pays (see `first_layer`); a boundary comes
    after each block, counted from the epoch's start.
    """

    name: ClassVar[str] = "fused"

    @staticmethod
    def fits(plan: TrainingPlan, device: torch.device) -> bool:
        """Fully connected networks on a CPU."""
        return device.type == "cpu" and is_fully_connected(plan)

    def __init__(self, plan: TrainingPlan, data: LoadedDataset, device: torch.device) -> None:
        torch.manual_seed(plan.seed)
        self.network: nn.Module = (network := build_network(plan, data.input_shape)).to(device)
        self._plan, self._device = plan, device
        weight = next(network.parameters())
        self._dtype = torch.bfloat16 if plan.precision == "bf16" else weight.dtype
        self._first, *self._others = layers = layers_of(network, self._dtype)
        self._block = batches_in_a_block(plan, [layer.weight.shape for layer in layers])
        self._objective = Objective(len(plan.dataset.classes), plan.label_smoothing, device, weight.dtype)
        self._update = _update(plan, layers)
        self._first_layer = self._build_first_layer()
        self._training = ResidentTraining(plan, data, device, self._flat)
        self._validation = ResidentValidation(plan, data, device, self._flat)

    @torch.no_grad()
    def run_epoch(self, tally: Tally, lr: float, boundary: Callable[[], None]) -> None:
        """See `Engine.run_epoch`."""
        self._update.begin_epoch(lr)
        self._training.begin_epoch()
        size, samples = self._plan.batch_size, len(self._training)
        for first in range(tally.batches * size, samples, self._block * size):
            images, labels = self._training.rows(first, min(first + self._block * size, samples))
            targets = self._objective.targets(labels)
            log_probabilities = self._train_on(images, targets)
            losses = self._objective.losses(log_probabilities, targets)
            tally.add_block(losses, (log_probabilities.argmax(1) == labels).sum())
            boundary()

    @torch.no_grad()
    def validation_scores(self, between: Callable[[], None]) -> Tensor:
        """See `Engine.validation_scores`."""
        scores = []
        for images in self._validation:
            outputs = self._first.predict(images)
            for layer in self._others:
                outputs = layer.predict(outputs)
            scores.append(outputs.float())
            between()
        return torch.cat(scores)

    def sample_batch(self) -> tuple[Tensor, Tensor]:
        """See `Engine.sample_batch`."""
        return self._training.first(self._plan.batch_size)

    def state(self) -> dict[str, Any]:
        """Network, the update's own, and the order."""
        return {
            "network": self.network.state_dict(),
            "update": self._update.state(),
            "order": self._training.state(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Network, the update's own, and the order."""
        self.network.load_state_dict(state["network"])
        self._update.restore(state["update"])
        self._training.restore(state["order"])
        for layer in (self._first, *self._others):
            layer.refresh()

    def _train_on(self, images: Tensor, targets: Tensor) -> Tensor:
        """One block's steps: log-probabilities (N, classes) of images (N, features), each before its own step."""
        self._first_layer.begin(images)
        log_probabilities = []
        for number, rows in enumerate(self._batches(len(images))):
            outputs = self._first_layer.forward(number, rows)
            for layer in self._others:
                outputs = layer.forward(outputs)
            of_batch, gradient = self._objective.gradient(outputs, targets[rows])
            log_probabilities.append(of_batch)
            self._first_layer.backward(number, rows, self._backward(gradient.to(self._dtype)))
            self._update.finish()
        self._first_layer.finish(len(log_probabilities))
        return torch.cat(log_probabilities)

    def _backward(self, gradient: Tensor) -> Tensor:
        """From the gradient by the scores to that by the first layer's products, stepping on the way."""
        for layer in reversed(self._others):
            by_product = layer.backward(gradient)
            gradient = layer.input_gradient(by_product)
            assert layer.inputs is not None
            self._update.layer(layer, by_product, layer.inputs)
        return self._first.backward(gradient)

    def _batches(self, rows: int) -> Iterator[slice]:
        size = self._plan.batch_size
        for first in range(0, rows, size):
            yield slice(first, min(first + size, rows))

    def _flat(self, images: Tensor) -> Tensor:
        return images.flatten(1).to(self._dtype)

    def _build_first_layer(self) -> FirstLayer:
        if isinstance(self._update, InPlace) and self._block > 1:
            return LazyFirstLayer(self._first, self._update, self._plan.batch_size, self._block)
        return EagerFirstLayer(self._first, self._update)


def _update(plan: TrainingPlan, layers: list[Any]) -> Update:
    optimizer = plan.optimizer
    if optimizer.kind == "sgd" and optimizer.momentum == 0:
        return InPlace(optimizer)
    return ByOptimizer(optimizer, layers)
