"""What makes a step of gradients: plain SGD straight into the weights, everything else by torch's optimizers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from worker.training.engines.layers import Layer
from worker.training.engines.products import linear
from worker.training.optimizers import build_optimizer, set_learning_rate
from worker.training.plan import OptimizerPlan


class Update(Protocol):
    """Takes the layers' gradients, last layer first, and changes their parameters."""

    def begin_epoch(self, lr: float) -> None:
        """Use this learning rate from now on."""

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
        self._lr, self.shrink = plan.lr, 1.0

    def begin_epoch(self, lr: float) -> None:
        """See `Update`."""
        self._lr, self.shrink = lr, 1 - lr * self._weight_decay

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
    """The same, with rates in tensors at fixed addresses: a recorded step reads them anew each time it is played."""

    def __init__(self, plan: OptimizerPlan, device: torch.device, dtype: torch.dtype) -> None:
        self._weight_decay = plan.weight_decay
        self._lr = plan.lr
        self._shrink = torch.ones((), device=device, dtype=dtype)
        self._scales: dict[int, Tensor] = {}

    def begin_epoch(self, lr: float) -> None:
        """See `Update`."""
        self._lr = lr
        self._shrink.fill_(1 - lr * self._weight_decay)
        for samples, scale in self._scales.items():
            scale.fill_(lr / samples)

    def gradient_scale(self, samples: int) -> float | Tensor:
        """See `Update`. A size of batch that is new must be seen unrecorded first."""
        if samples not in self._scales:
            self._scales[samples] = torch.full_like(self._shrink, self._lr / samples)
        return self._scales[samples]

    def layer(self, layer: Layer, gradient: Tensor, inputs: Tensor) -> None:
        """See `Update`."""
        if self._weight_decay:
            for parameter in layer.parameters:
                parameter.mul_(self._shrink)
        layer.subtract_from_weight(gradient, inputs)
        layer.subtract_from_bias(gradient)

    def finish(self) -> None:
        """See `Update`."""

    def state(self) -> dict[str, Any]:
        """See `Update`: there is none."""
        return {}

    def restore(self, state: dict[str, Any]) -> None:
        """See `Update`."""


class Optimizer:
    """torch's optimizer in its fused form, which reads and writes everything once.

    Args:
        plan: which one.
        parameters: of what.
        recorded: whether steps are recorded and played again: then the learning rate is a tensor at a fixed address.
    """

    def __init__(self, plan: OptimizerPlan, parameters: Iterable[nn.Parameter], *, recorded: bool) -> None:
        parameters = list(parameters)
        self._optimizer = build_optimizer(plan, parameters, fused=True)
        device = parameters[0].device
        self._lr = torch.tensor(plan.lr, device=device) if recorded else None
        self._on_gpu = device.type == "cuda"
        self._fix_rates()

    def set_learning_rate(self, lr: float) -> None:
        """From the next step on."""
        if self._lr is None:
            set_learning_rate(self._optimizer, lr)
        else:
            self._lr.fill_(lr)

    def zero_grad(self) -> None:
        """Forget the gradients."""
        self._optimizer.zero_grad()

    def step(self) -> None:
        """Take a step."""
        self._optimizer.step()

    def state(self) -> dict[str, Any]:
        """Everything, to go on from."""
        return self._optimizer.state_dict()

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from there."""
        self._optimizer.load_state_dict(state)
        self._fix_rates()

    def _fix_rates(self) -> None:
        if self._lr is None:
            return
        for group in self._optimizer.param_groups:
            group["lr"] = self._lr
            if "capturable" in group:
                group["capturable"] = self._on_gpu
        # Each shape of block is computed once before it is recorded; torch would warn about that step.
        self._optimizer._warned_capturable_if_run_uncaptured = True  # noqa: SLF001


class ByOptimizer:
    """Gradients are written down and handed to torch's optimizer."""

    def __init__(self, plan: OptimizerPlan, layers: Sequence[Layer], *, recorded: bool) -> None:
        self._layers = layers
        self._optimizer = Optimizer(plan, (p for layer in layers for p in layer.parameters), recorded=recorded)

    def begin_epoch(self, lr: float) -> None:
        """See `Update`."""
        self._optimizer.set_learning_rate(lr)

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
    weight = layers[0].weight
    return RecordedInPlace(plan, weight.device, weight.dtype) if recorded else InPlace(plan)
