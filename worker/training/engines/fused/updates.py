"""Steps made of gradients: plain SGD straight into the weights, every other optimizer by torch's functions."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from itertools import accumulate
from typing import Any

import torch
from torch import Tensor
from typing_extensions import override

from worker.training.engines.fused.layers import Layer
from worker.training.engines.fused.products import linear, products_by_rows
from worker.training.engines.resident.branch import Branch
from worker.training.optim.optimizers import Optimizer, Rate, has_fused_step
from worker.training.plan import OptimizerPlan, SgdPlan


def rates_for(rates: Sequence[float], device: torch.device, *, recorded: bool) -> Tensor:
    """Learning rates (k) as a tensor: on the device for recorded steps, in float64 on the CPU for all others."""
    if not recorded:
        return torch.tensor(rates, dtype=torch.float64)
    here = torch.tensor(rates)
    return here.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else here


def each_rate(rates: Tensor, *, recorded: bool) -> Sequence[Rate]:
    """The rates (k) of `rates_for`, one by one: scalar tensors for recorded steps, else numbers. Never syncs a GPU."""
    return rates.unbind() if recorded else rates.tolist()


class Update(ABC):
    """Takes the layers' gradients, last layer first, and changes their parameters."""

    @abstractmethod
    def begin_block(self, rates: Tensor) -> None:
        """Begin a block of steps that have these learning rates (k), as `rates_for` gives them."""

    @abstractmethod
    def begin_step(self, number: int) -> None:
        """Begin the block's step of this number (from 0)."""

    @abstractmethod
    def gradient_scales(self, batches: Sequence[slice]) -> list[float] | Tensor:
        """Factors of the summed losses' gradient: one a batch of this block; for recorded steps one a row (N, 1)."""

    @abstractmethod
    def layer(self, layer: Layer, gradient: Tensor, inputs: Tensor) -> None:
        """Take the scaled gradient (N, O) by the layer's product, and the layer's inputs (N, I)."""

    def finish(self) -> None:  # noqa: B027 -- an update that does all at once has nothing left to do
        """End a step: the gradients of all layers have been taken."""

    def settle(self) -> None:  # noqa: B027 -- likewise
        """Wait for parallel changes: all layers but the first are read next."""

    def buffers(self) -> list[Tensor]:
        """The optimizer's tensors, as `Program.buffers`; plain SGD has none."""
        return []

    def state(self) -> dict[str, Any]:
        """Checkpoint state; plain SGD has none."""
        return {}

    def restore(self, state: dict[str, Any]) -> None:  # noqa: B027 -- likewise
        """Restore the update from what `state` returned; plain SGD has nothing to restore."""


class InPlace(Update):
    """SGD without momentum: the gradient is never stored, the product is subtracted from the weights.

    The learning rate is part of the gradient from the scores on: backward is linear. Weight decay shrinks the weights
    first: w - lr (g + d w) = (1 - lr d) w - lr g.
    """

    def __init__(self, plan: SgdPlan) -> None:
        self._weight_decay = plan.weight_decay
        self._rates: list[float] = []
        self.shrink = 1.0

    @override
    def begin_block(self, rates: Tensor) -> None:
        self._rates = rates.tolist()
        self.begin_step(0)

    @override
    def begin_step(self, number: int) -> None:
        self.shrink = 1 - self._rates[number] * self._weight_decay

    @override
    def gradient_scales(self, batches: Sequence[slice]) -> list[float] | Tensor:
        return [rate / _size(batch) for rate, batch in zip(self._rates, batches, strict=True)]

    @override
    def layer(self, layer: Layer, gradient: Tensor, inputs: Tensor) -> None:
        layer.subtract_from_weight(gradient, inputs, self.shrink)
        layer.subtract_from_bias(gradient, self.shrink)


class RecordedInPlace(Update):
    """SGD without momentum for recorded steps: the rates are a tensor, so a replay computes all that depends on them.

    A step's next product waits for the first layer's weight alone: all else changes beside it, in two branches.
    """

    def __init__(self, plan: SgdPlan, layers: Sequence[Layer]) -> None:
        self._weight_decay, self._first = plan.weight_decay, layers[0]
        device = layers[0].weight.device
        self._weights, self._biases = Branch(device, "weights"), Branch(device, "biases")
        self._number = 0
        self._rates = self._shrinks = torch.empty(0)

    @override
    def begin_block(self, rates: Tensor) -> None:
        self._rates = rates
        if self._weight_decay:
            self._shrinks = 1 - rates * self._weight_decay

    @override
    def begin_step(self, number: int) -> None:
        self._number = number

    @override
    def gradient_scales(self, batches: Sequence[slice]) -> list[float] | Tensor:
        return _by_row(self._rates, batches)

    @override
    def layer(self, layer: Layer, gradient: Tensor, inputs: Tensor) -> None:
        if layer is self._first:
            self._weight(layer, gradient, inputs)
        else:
            with self._weights.beside(gradient, inputs):
                self._weight(layer, gradient, inputs)
        with self._biases.beside(gradient):
            self._bias(layer, gradient)
        if layer is self._first:
            self.settle()

    @override
    def settle(self) -> None:
        self._weights.join()
        self._biases.join()

    def _weight(self, layer: Layer, gradient: Tensor, inputs: Tensor) -> None:
        if self._weight_decay:
            layer.weight.mul_(self._shrinks[self._number])
        layer.subtract_from_weight(gradient, inputs)

    def _bias(self, layer: Layer, gradient: Tensor) -> None:
        if self._weight_decay and layer.bias is not None:
            layer.bias.mul_(self._shrinks[self._number])
        layer.subtract_from_bias(gradient)


class ByOptimizer(Update):
    """The gradients are stored in the parameters' `grad`, and torch's optimizer takes the step."""

    def __init__(self, plan: OptimizerPlan, layers: Sequence[Layer], *, recorded: bool) -> None:
        self._layers, self._recorded = layers, recorded
        self._optimizer = Optimizer(plan, (p for layer in layers for p in layer.parameters))
        self._rates: Tensor | Sequence[float] = []

    @override
    def begin_block(self, rates: Tensor) -> None:
        self._rates = rates if self._recorded else rates.tolist()

    @override
    def begin_step(self, number: int) -> None:
        self._optimizer.set_learning_rate(self._rates[number])

    @override
    def gradient_scales(self, batches: Sequence[slice]) -> list[float] | Tensor:
        if isinstance(self._rates, Tensor):
            return _by_row(torch.ones_like(self._rates), batches)
        return [1 / _size(batch) for batch in batches]

    @override
    def layer(self, layer: Layer, gradient: Tensor, inputs: Tensor) -> None:
        weight, *bias = layer.parameters
        weight.grad = None  # so that the new gradient can take its memory
        weight.grad = linear(gradient.mT, inputs.mT).to(weight.dtype)
        for parameter in bias:
            parameter.grad = gradient.sum(-2, dtype=parameter.dtype)

    @override
    def finish(self) -> None:
        self._optimizer.step()
        for layer in self._layers:
            layer.refresh()

    @override
    def buffers(self) -> list[Tensor]:
        return self._optimizer.buffers()

    @override
    def state(self) -> dict[str, Any]:
        return self._optimizer.state()

    @override
    def restore(self, state: dict[str, Any]) -> None:
        self._optimizer.restore(state)


class ByRows(ByOptimizer):
    """torch's fused step on some rows of a layer at a time, as soon as their gradient is there: it is never stored.

    On a CPU the weights of a small batch's step are more memory than its products are work. This reads and writes each
    of them, and each buffer, once; the bits are those of `ByOptimizer`.
    """

    def __init__(self, plan: OptimizerPlan, layers: Sequence[Layer]) -> None:
        super().__init__(plan, layers, recorded=False)
        counts = [len(layer.parameters) for layer in layers]
        self._numbers = dict(zip(layers, accumulate(counts, initial=0), strict=False))

    @override
    def begin_step(self, number: int) -> None:
        super().begin_step(number)
        self._optimizer.count_step()

    @override
    def layer(self, layer: Layer, gradient: Tensor, inputs: Tensor) -> None:
        number = self._numbers[layer]
        for rows, product in products_by_rows(gradient.mT, inputs):
            self._optimizer.step_rows(number, rows, product.to(layer.weight.dtype))
            layer.refresh_weight(rows)
        if layer.bias is not None:
            self._optimizer.step_rows(number + 1, slice(None), gradient.sum(-2, dtype=layer.bias.dtype))
            layer.refresh_bias()

    @override
    def finish(self) -> None:
        """Do nothing: every layer has taken its step already."""


def update_of(plan: OptimizerPlan, layers: Sequence[Layer], *, recorded: bool) -> Update:
    """The update of these layers that the plan's optimizer asks for."""
    if isinstance(plan, SgdPlan) and not plan.momentum:
        return RecordedInPlace(plan, layers) if recorded else InPlace(plan)
    if has_fused_step(plan) and not recorded:
        return ByRows(plan, layers)
    return ByOptimizer(plan, layers, recorded=recorded)


def _size(batch: slice) -> int:
    return int(batch.stop - batch.start)


def _by_row(of_batches: Tensor, batches: Sequence[slice]) -> Tensor:
    """A figure of each batch (k), divided by its rows, for each row (N, 1). Only the last batch may be short."""
    size, last = _size(batches[0]), _size(batches[-1])
    each = (of_batches / size)[:, None].expand(-1, size).flatten()
    if last != size:
        each = torch.cat((each[: size * (len(batches) - 1)], (of_batches[-1:] / last).expand(last)))
    return each[:, None]
