"""Fully connected networks without autograd: products, and as little else as there can be."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from typing_extensions import override

from worker.training.engines.fused.first_layer import (
    EagerFirstLayer,
    FirstLayer,
    LazyFirstLayer,
    RecordedLazyFirstLayer,
)
from worker.training.engines.fused.layers import is_fully_connected, layers_of
from worker.training.engines.fused.loss_gradient import Objective
from worker.training.engines.fused.updates import InPlace, rates_for, update_of
from worker.training.engines.resident.blocks import batches_in_a_block, recorded_lazy_batches
from worker.training.engines.resident.loop import Program, ResidentLoop
from worker.training.evaluation import BATCH_SIZE
from worker.training.plan import TrainingPlan

Gradient = Callable[[Tensor], tuple[Tensor, Tensor]]


class FusedProgram(Program):
    """Forward, backward and step are one hand-written sequence of products.

    The first layer's weights change once in a block of batches where that pays (see `first_layer`).
    """

    predicted = BATCH_SIZE

    @staticmethod
    def fits(plan: TrainingPlan) -> bool:
        """Whether the program can run the plan. An average would read in each step what changes once in a block."""
        return is_fully_connected(plan.architecture) and plan.weight_average is None

    def __init__(self, plan: TrainingPlan, network: nn.Module, device: torch.device, *, recorded: bool) -> None:
        self.network = network
        weight = next(network.parameters())
        self._batch_size, self._device, self._recorded = plan.batch_size, device, recorded
        self._dtype = torch.bfloat16 if plan.precision == "bf16" else weight.dtype
        self._first, *self._others = layers = layers_of(network, self._dtype)
        self.batches = batches_in_a_block(plan, [layer.weight.shape for layer in layers], recorded=recorded)
        self._objective = Objective(len(plan.dataset.classes), plan.label_smoothing, device, weight.dtype)
        self._update = update_of(plan.optimizer, layers, recorded=recorded)
        self._first_layer = self._first_layer_of(plan)

    @override
    def rows(self, images: Tensor) -> Tensor:
        """Flattened images (N, features), in the type of the products."""
        return images.flatten(1).to(self._dtype)

    @override
    def images(self, rows: Tensor) -> Tensor:
        """Rows in the type of the network's weights, still flattened: the network's own flattening changes nothing."""
        return rows.to(self._first.weight.dtype)

    @override
    def rates(self, rates: Sequence[float]) -> Tensor:
        return rates_for(rates, self._device, recorded=self._recorded)

    @torch.no_grad()
    @override
    def train_on(self, rows: Tensor, labels: Tensor, rates: Tensor) -> tuple[Tensor, Tensor]:
        targets = self._objective.targets(labels)
        self._update.begin_block(rates)
        self._first_layer.begin(rows)
        batches = list(self._batches(len(rows)))
        gradients = self._gradients(targets, batches)
        scores = [self._step(number, batch, gradients[number]) for number, batch in enumerate(batches)]
        self._first_layer.finish(len(batches))
        self._update.settle()
        log_probabilities = torch.cat(scores)
        losses = self._objective.losses(log_probabilities, targets)
        return self._means(losses, batches), (log_probabilities.argmax(-1) == labels).sum()

    @torch.no_grad()
    @override
    def predict(self, rows: Tensor) -> Tensor:
        outputs = self._first.predict(rows)
        for layer in self._others:
            outputs = layer.predict(outputs)
        return outputs.float()

    @override
    def buffers(self) -> list[Tensor]:
        return self._update.buffers()

    @override
    def state(self) -> dict[str, Any]:
        return self._update.state()

    @override
    def restore(self, state: dict[str, Any]) -> None:
        self._update.restore(state)
        for layer in (self._first, *self._others):
            layer.refresh()

    def _first_layer_of(self, plan: TrainingPlan) -> FirstLayer:
        if isinstance(self._update, InPlace) and self.batches > 1:
            return LazyFirstLayer(self._first, self._update, plan.batch_size, self.batches)
        batches = recorded_lazy_batches(plan, self._first.weight.shape) if self._recorded else 1
        if batches > 1:
            return RecordedLazyFirstLayer(self._first, plan.batch_size * batches)
        return EagerFirstLayer(self._first, self._update)

    def _means(self, losses: Tensor, batches: list[slice]) -> Tensor:
        """The mean loss of each batch (k), the last of which may be short. On a GPU all whole batches at once."""
        if not self._recorded:
            return torch.stack([losses[batch].mean() for batch in batches])
        whole = len(losses) // self._batch_size
        means = losses[: whole * self._batch_size].view(whole, self._batch_size).mean(1)
        return means if whole == len(batches) else torch.cat((means, losses[batches[-1]].mean()[None]))

    def _gradients(self, targets: Tensor, batches: list[slice]) -> list[Gradient]:
        """For each batch a function from its scores to log-probabilities and the scaled gradient by the scores."""
        scales = self._update.gradient_scales(batches)
        if isinstance(scales, Tensor):
            weighted = targets * -scales
            return [partial(self._objective.weighted_gradient, weighted=weighted[batch]) for batch in batches]
        pairs = zip(batches, scales, strict=True)
        return [partial(self._objective.gradient, targets=targets[batch], scale=scale) for batch, scale in pairs]

    def _step(self, number: int, batch: slice, gradient_of: Gradient) -> Tensor:
        """Take the step of the block's batch `number`; returns its log-probabilities from before the step."""
        self._update.begin_step(number)
        outputs = self._first_layer.forward(number, batch)
        self._update.settle()
        for layer in self._others:
            outputs = layer.forward(outputs)
        log_probabilities, gradient = gradient_of(outputs)
        self._first_layer.backward(number, batch, self._backward(gradient.to(self._dtype)))
        self._update.finish()
        return log_probabilities

    def _backward(self, gradient: Tensor) -> Tensor:
        """The gradient by the first layer's products, from that by the scores; the other layers step on the way."""
        for layer in reversed(self._others):
            by_product = layer.backward(gradient)
            gradient = layer.input_gradient(by_product)
            assert layer.inputs is not None
            self._update.layer(layer, by_product, layer.inputs)
        return self._first.backward(gradient)

    def _batches(self, rows: int) -> Iterator[slice]:
        for first in range(0, rows, self._batch_size):
            yield slice(first, min(first + self._batch_size, rows))


class FusedEngine(ResidentLoop):
    """Fully connected networks on a CPU; boundaries come after blocks of up to eight batches."""

    name: ClassVar[str] = "fused"

    @staticmethod
    @override
    def fits(plan: TrainingPlan, device: torch.device) -> bool:
        return device.type == "cpu" and FusedProgram.fits(plan)

    @staticmethod
    @override
    def program(plan: TrainingPlan, network: nn.Module, device: torch.device) -> Program:
        return FusedProgram(plan, network, device, recorded=False)
