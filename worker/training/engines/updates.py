"""What makes a step of gradients: plain SGD straight into the weights, everything else by torch's optimizers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from torch import Tensor

from worker.training.engines.layers import Layer
from worker.training.engines.products import linear
from worker.training.optimizers import build_optimizer, set_learning_rate
from worker.training.plan import OptimizerPlan


class Update(Protocol):
    """Takes the layers' gradients, last layer first, and changes their parameters."""

    def begin_epoch(self, lr: float) -> None:
        """Use this learning rate from now on."""

    def layer(self, layer: Layer, gradient: Tensor, inputs: Tensor) -> None:
        """The gradient by the layer's product (N, O), and what the layer was given (N, I)."""

    def finish(self) -> None:
        """All layers' gradients of this step have been given."""

    def state(self) -> dict[str, Any]:
        """Everything, to go on from."""

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from there."""


class InPlace:
    """SGD without momentum: no gradient is ever written down, the product is added to the weights.

    Weight decay shrinks them first: w - lr (g + d w) = (1 - lr d) w - lr g.
    """

    def __init__(self, plan: OptimizerPlan) -> None:
        self._weight_decay = plan.weight_decay
        self.lr, self.shrink = plan.lr, 1.0

    def begin_epoch(self, lr: float) -> None:
        """See `Update`."""
        self.lr, self.shrink = lr, 1 - lr * self._weight_decay

    def layer(self, layer: Layer, gradient: Tensor, inputs: Tensor) -> None:
        """See `Update`."""
        layer.add_to_weight(gradient, inputs, -self.lr, self.shrink)
        self.bias(layer, gradient)

    def bias(self, layer: Layer, gradient: Tensor) -> None:
        """The bias alone."""
        if layer.bias is not None:
            if self.shrink != 1:
                layer.bias.mul_(self.shrink)
            layer.bias.add_(gradient.sum(0, dtype=layer.bias.dtype), alpha=-self.lr)
            layer.refresh_bias()

    def finish(self) -> None:
        """See `Update`."""

    def state(self) -> dict[str, Any]:
        """See `Update`: there is none."""
        return {}

    def restore(self, state: dict[str, Any]) -> None:
        """See `Update`."""


class ByOptimizer:
    """Gradients are handed to torch's optimizer in its fused form, which reads and writes everything once."""

    def __init__(self, plan: OptimizerPlan, layers: Sequence[Layer]) -> None:
        self._layers = layers
        self._optimizer = build_optimizer(plan, (p for layer in layers for p in layer.parameters), fused=True)

    def begin_epoch(self, lr: float) -> None:
        """See `Update`."""
        set_learning_rate(self._optimizer, lr)

    def layer(self, layer: Layer, gradient: Tensor, inputs: Tensor) -> None:
        """See `Update`."""
        weight, *bias = layer.parameters
        weight.grad = None  # so that the new one can have its place
        weight.grad = linear(gradient.t(), inputs.t()).to(weight.dtype)
        for parameter in bias:
            parameter.grad = gradient.sum(0, dtype=parameter.dtype)

    def finish(self) -> None:
        """See `Update`."""
        self._optimizer.step()
        for layer in self._layers:
            layer.refresh()

    def state(self) -> dict[str, Any]:
        """See `Update`."""
        return self._optimizer.state_dict()

    def restore(self, state: dict[str, Any]) -> None:
        """See `Update`."""
        self._optimizer.load_state_dict(state)
