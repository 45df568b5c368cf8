"""What makes a step of gradients: plain SGD straight into the weights, everything else by torch's optimizers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from worker.training.engines.fused.layers import Layer
from worker.training.engines.fused.products import linear
from worker.training.engines.resident.branch import Branch
from worker.training.optim.optimizers import Optimizer, Rate
from worker.training.plan import OptimizerPlan, SgdPlan


def rates_for(rates: Sequence[float], device: torch.device, *, recorded: bool) -> Tensor:
    """Learning rates (k) where they are read: by the recorded steps on the device, by all others here, exactly."""
    if not recorded:
        return torch.tensor(rates, dtype=torch.float64)
    here = torch.tensor(rates)
    return here.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else here


def each_rate(rates: Tensor, *, recorded: bool) -> Sequence[Rate]:
    """The rates (k) of `rates_for`, one by one. Reads nothing from a device."""
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
        """What the gradient of the summed losses is to be multiplied by: in each batch of this block; or, where steps
        are recorded, for each of its rows (N, 1).
        """

    @abstractmethod
    def layer(self, layer: Layer, gradient: Tensor, inputs: Tensor) -> None:
        """The scaled gradient by the layer's product (N, O), and what the layer was given (N, I)."""

    def finish(self) -> None:  # noqa: B027 -- an update that does all at once has nothing left to do
        """All layers' gradients of this step have been given."""

    def settle(self) -> None:  # noqa: B027 -- likewise
        """All layers but the first will be read now: what changes beside has to be done."""

    def state(self) -> dict[str, Any]:
        """Checkpoint state; plain SGD has none."""
        return {}

    def restore(self, state: dict[str, Any]) -> None:  # noqa: B027 -- likewise
        """Restore from `state()`."""


class InPlace(Update):
    """SGD without momentum: no gradient is ever written down, the product is subtracted from the weights.

    The learning rate is part of the gradient from the scores on: backward is linear. Weight decay shrinks the weights
    first: w - lr (g + d w) = (1 - lr d) w - lr g.
    """

    def __init__(self, plan: SgdPlan) -> None:
        self._weight_decay = plan.weight_decay
        self._rates: list[float] = []
        self.shrink = 1.0

    def begin_block(self, rates: Tensor) -> None:
        """See `Update`."""
        self._rates = rates.tolist()
        self.begin_step(0)

    def begin_step(self, number: int) -> None:
        """See `Update`."""
        self.shrink = 1 - self._rates[number] * self._weight_decay

    def gradient_scales(self, batches: Sequence[slice]) -> list[float] | Tensor:
        """See `Update`."""
        return [rate / _size(batch) for rate, batch in zip(self._rates, batches, strict=True)]

    def layer(self, layer: Layer, gradient: Tensor, inputs: Tensor) -> None:
        """See `Update`."""
        layer.subtract_from_weight(gradient, inputs, self.shrink)
        layer.subtract_from_bias(gradient, self.shrink)


class RecordedInPlace(Update):
    """The same, with rates in a tensor: a recorded block works out anew, all at once, what depends on them.

    A step's next product waits for the first layer's weight alone: all else changes beside it, in two branches.
    """

    def __init__(self, plan: SgdPlan, layers: Sequence[Layer]) -> None:
        self._weight_decay, self._first = plan.weight_decay, layers[0]
        device = layers[0].weight.device
        self._weights, self._biases = Branch(device, "weights"), Branch(device, "biases")
        self._number = 0
        self._rates = self._shrinks = torch.empty(0)

    def begin_block(self, rates: Tensor) -> None:
        """See `Update`."""
        self._rates = rates
        if self._weight_decay:
            self._shrinks = 1 - rates * self._weight_decay

    def begin_step(self, number: int) -> None:
        """See `Update`."""
        self._number = number

    def gradient_scales(self, batches: Sequence[slice]) -> list[float] | Tensor:
        """See `Update`."""
        return _by_row(self._rates, batches)

    def layer(self, layer: Layer, gradient: Tensor, inputs: Tensor) -> None:
        """See `Update`."""
        if layer is self._first:
            self._weight(layer, gradient, inputs)
        else:
            with self._weights.beside(gradient, inputs):
                self._weight(layer, gradient, inputs)
        with self._biases.beside(gradient):
            self._bias(layer, gradient)
        if layer is self._first:
            self.settle()

    def settle(self) -> None:
        """See `Update`."""
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
    """Gradients are written down and handed to torch's optimizer."""

    def __init__(self, plan: OptimizerPlan, layers: Sequence[Layer], *, recorded: bool) -> None:
        self._layers, self._recorded = layers, recorded
        self._optimizer = Optimizer(plan, (p for layer in layers for p in layer.parameters))
        self._rates: Tensor | Sequence[float] = []

    def begin_block(self, rates: Tensor) -> None:
        """See `Update`."""
        self._rates = rates if self._recorded else rates.tolist()

    def begin_step(self, number: int) -> None:
        """See `Update`."""
        self._optimizer.set_learning_rate(self._rates[number])

    def gradient_scales(self, batches: Sequence[slice]) -> list[float] | Tensor:
        """See `Update`."""
        if isinstance(self._rates, Tensor):
            return _by_row(torch.ones_like(self._rates), batches)
        return [1 / _size(batch) for batch in batches]

    def layer(self, layer: Layer, gradient: Tensor, inputs: Tensor) -> None:
        """See `Update`."""
        weight, *bias = layer.parameters
        weight.grad = None  # so that the new one can have its place
        weight.grad = linear(gradient.mT, inputs.mT).to(weight.dtype)
        for parameter in bias:
            parameter.grad = gradient.sum(-2, dtype=parameter.dtype)

    def finish(self) -> None:
        """See `Update`."""
        self._optimizer.step()
        for layer in self._layers:
            layer.refresh()

    def state(self) -> dict[str, Any]:
        """See `Update`."""
        return self._optimizer.state()

    def restore(self, state: dict[str, Any]) -> None:
        """See `Update`."""
        self._optimizer.restore(state)


def update_of(plan: OptimizerPlan, layers: Sequence[Layer], *, recorded: bool) -> Update:
    """The plan's update of these layers."""
    if isinstance(plan, SgdPlan) and not plan.momentum:
        return RecordedInPlace(plan, layers) if recorded else InPlace(plan)
    return ByOptimizer(plan, layers, recorded=recorded)


def _size(batch: slice) -> int:
    return int(batch.stop - batch.start)


def _by_row(of_batches: Tensor, batches: Sequence[slice]) -> Tensor:
    """A figure of each batch (k), over its number of rows, for each row (N, 1). The last batch alone may be short."""
    size, last = _size(batches[0]), _size(batches[-1])
    each = (of_batches / size)[:, None].expand(-1, size).flatten()
    if last != size:
        each = torch.cat((each[: size * (len(batches) - 1)], (of_batches[-1:] / last).expand(last)))
    return each[:, None]
