"""What makes a step of gradients: plain SGD straight into the weights, everything else by torch's optimizers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import torch
from torch import Tensor

from worker.training.engines.layers import Layer
from worker.training.engines.optimizer import Optimizer, Rate
from worker.training.engines.products import linear
from worker.training.plan import OptimizerPlan


def rates_for(rates: Sequence[float], device: torch.device, *, recorded: bool) -> Tensor:
    """Learning rates (k) where they are read: by the recorded steps on the device, by all others here, exactly."""
    return torch.tensor(rates, device=device) if recorded else torch.tensor(rates, dtype=torch.float64)


def each_rate(rates: Tensor, *, recorded: bool) -> Sequence[Rate]:
    """The rates (k) of `rates_for`, one by one. Reads nothing from a device."""
    return rates.unbind() if recorded else rates.tolist()


class Update(Protocol):
    """Takes the layers' gradients, last layer first, and changes their parameters."""

    def begin_block(self, rates: Tensor) -> None:
        """Begin a block of steps that have these learning rates (k), as `rates_for` gives them."""

    def begin_step(self, number: int) -> None:
        """Begin the block's step of this number (from 0)."""

    def gradient_scale(self, samples: int) -> float | Tensor:
        """What the gradient of the summed losses of so many samples is to be multiplied by."""

    def layer(self, layer: Layer, gradient: Tensor, inputs: Tensor) -> None:
        """The scaled gradient by the layer's product (N, O), and what the layer was given (N, I)."""

    def finish(self) -> None:
        """All layers' gradients of this step have been given."""

    def state(self) -> dict[str, Any]:
        """Everything, to go on from."""

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from there."""


class InPlace:
    """SGD without momentum: no gradient is ever written down, the product is subtracted from the weights.

    The learning rate is part of the gradient from the scores on: backward is linear. Weight decay shrinks the weights
    first: w - lr (g + d w) = (1 - lr d) w - lr g.
    """

    def __init__(self, plan: OptimizerPlan) -> None:
        self._weight_decay = plan.weight_decay
        self._rates: list[float] = []
        self._lr, self.shrink = plan.lr, 1.0

    def begin_block(self, rates: Tensor) -> None:
        """See `Update`."""
        self._rates = rates.tolist()
        self.begin_step(0)

    def begin_step(self, number: int) -> None:
        """See `Update`."""
        self._lr = self._rates[number]
        self.shrink = 1 - self._lr * self._weight_decay

    def gradient_scale(self, samples: int) -> float | Tensor:
        """See `Update`."""
        return self._lr / samples

    def layer(self, layer: Layer, gradient: Tensor, inputs: Tensor) -> None:
        """See `Update`."""
        layer.subtract_from_weight(gradient, inputs, self.shrink)
        layer.subtract_from_bias(gradient, self.shrink)

    def finish(self) -> None:
        """See `Update`."""

    def state(self) -> dict[str, Any]:
        """See `Update`: there is none."""
        return {}

    def restore(self, state: dict[str, Any]) -> None:
        """See `Update`."""


class RecordedInPlace:
    """The same, with rates in a tensor: a recorded block works out anew, all at once, what depends on them."""

    def __init__(self, plan: OptimizerPlan) -> None:
        self._weight_decay = plan.weight_decay
        self._number = 0
        self._rates = self._shrinks = torch.empty(0)
        self._scales: dict[int, Tensor] = {}

    def begin_block(self, rates: Tensor) -> None:
        """See `Update`."""
        self._rates, self._scales = rates, {}
        if self._weight_decay:
            self._shrinks = 1 - rates * self._weight_decay

    def begin_step(self, number: int) -> None:
        """See `Update`."""
        self._number = number

    def gradient_scale(self, samples: int) -> float | Tensor:
        """See `Update`."""
        if samples not in self._scales:
            self._scales[samples] = self._rates / samples
        return self._scales[samples][self._number]

    def layer(self, layer: Layer, gradient: Tensor, inputs: Tensor) -> None:
        """See `Update`."""
        if self._weight_decay:
            for parameter in layer.parameters:
                parameter.mul_(self._shrinks[self._number])
        layer.subtract_from_weight(gradient, inputs)
        layer.subtract_from_bias(gradient)

    def finish(self) -> None:
        """See `Update`."""

    def state(self) -> dict[str, Any]:
        """See `Update`: there is none."""
        return {}

    def restore(self, state: dict[str, Any]) -> None:
        """See `Update`."""


class ByOptimizer:
    """Gradients are written down and handed to torch's optimizer."""

    def __init__(self, plan: OptimizerPlan, layers: Sequence[Layer], *, recorded: bool) -> None:
        self._layers, self._recorded = layers, recorded
        self._optimizer = Optimizer(plan, (p for layer in layers for p in layer.parameters))
        self._rates: Sequence[Rate] = []

    def begin_block(self, rates: Tensor) -> None:
        """See `Update`."""
        self._rates = each_rate(rates, recorded=self._recorded)

    def begin_step(self, number: int) -> None:
        """See `Update`."""
        self._optimizer.set_learning_rate(self._rates[number])

    def gradient_scale(self, samples: int) -> float | Tensor:
        """See `Update`."""
        return 1 / samples

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
    if plan.kind != "sgd" or plan.momentum:
        return ByOptimizer(plan, layers, recorded=recorded)
    return RecordedInPlace(plan) if recorded else InPlace(plan)
