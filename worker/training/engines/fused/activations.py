"""Elementwise functions, forward and backward: the kernels that autograd itself would run, without its bookkeeping."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from worker.training.engines.fused.products import FUSED
from worker.training.errors import InvalidPlan

_aten = torch.ops.aten


class Pointwise(Protocol):
    """A function of each element, or a random one. `backward` belongs to the last `forward`."""

    def forward(self, inputs: Tensor) -> Tensor:
        """In training."""

    def backward(self, gradient: Tensor) -> Tensor:
        """The gradient by the inputs, from that by the outputs. May overwrite its argument."""

    def predict(self, inputs: Tensor) -> Tensor:
        """In evaluation."""


@dataclass(frozen=True)
class _Function:
    """An activation: its value, and its gradient from either its outputs or its inputs."""

    name: str
    value: Callable[[Tensor], Tensor]
    gradient: Callable[[Tensor, Tensor], Tensor]
    by_output: bool


_FUNCTIONS: dict[type[nn.Module], _Function] = {
    nn.Tanh: _Function("tanh", torch.tanh, _aten.tanh_backward, True),
    nn.ReLU: _Function("relu", torch.relu, lambda grad, out: _aten.threshold_backward(grad, out, 0), True),
    nn.Sigmoid: _Function("sigmoid", torch.sigmoid, _aten.sigmoid_backward, True),
    nn.LeakyReLU: _Function(
        "leaky_relu", F.leaky_relu, lambda grad, out: _aten.leaky_relu_backward(grad, out, 0.01, True), True
    ),
    nn.ELU: _Function("elu", F.elu, lambda grad, inputs: _aten.elu_backward(grad, 1.0, 1, 1, False, inputs), False),
    nn.GELU: _Function("gelu", F.gelu, _aten.gelu_backward, False),
    nn.SiLU: _Function("silu", F.silu, _aten.silu_backward, False),
}
"""With the options that `network.build.activation` builds them with: torch's defaults."""


class Activation:
    """One of torch's activations."""

    def __init__(self, function: _Function) -> None:
        self._function = function
        self._kept: Tensor | None = None

    @property
    def fused(self) -> str | None:
        """Its name for `products.linear`, if that can apply it and its gradient needs no more than its output."""
        return self._function.name if self._function.by_output and self._function.name in FUSED else None

    def keep(self, outputs: Tensor) -> Tensor:
        """Take note of outputs that somebody else computed."""
        self._kept = outputs
        return outputs

    def forward(self, inputs: Tensor) -> Tensor:
        """See `Pointwise`."""
        outputs = self._function.value(inputs)
        self._kept = outputs if self._function.by_output else inputs
        return outputs

    def backward(self, gradient: Tensor) -> Tensor:
        """See `Pointwise`."""
        assert self._kept is not None
        return self._function.gradient(gradient, self._kept)

    def predict(self, inputs: Tensor) -> Tensor:
        """See `Pointwise`."""
        return self._function.value(inputs)


class Dropout:
    """The draws of `F.dropout`, which come from the device's global generator."""

    def __init__(self, p: float) -> None:
        self._p = p
        self._factors: Tensor | None = None

    def forward(self, inputs: Tensor) -> Tensor:
        """See `Pointwise`."""
        self._factors = self._draw(inputs)
        return inputs if self._factors is None else inputs * self._factors

    def backward(self, gradient: Tensor) -> Tensor:
        """See `Pointwise`."""
        return gradient if self._factors is None else gradient.mul_(self._factors)

    def predict(self, inputs: Tensor) -> Tensor:
        """See `Pointwise`."""
        return inputs

    def _draw(self, inputs: Tensor) -> Tensor | None:
        """What each element is multiplied by. As in torch, nothing is drawn where nothing is left to chance."""
        if self._p == 0:
            return None
        if self._p == 1:
            return torch.zeros_like(inputs)
        if inputs.device.type == "cuda":
            ones = torch.ones_like(inputs)
            return torch.native_dropout(ones, self._p, train=True)[0]
        return torch.empty_like(inputs).bernoulli_(1 - self._p).div_(1 - self._p)


def pointwise(module: nn.Module) -> Pointwise:
    """The function that a module applies elementwise. Raises `InvalidPlan` for a module that is not known as one."""
    if isinstance(module, nn.Dropout):
        return Dropout(module.p)
    if type(module) not in _FUNCTIONS:
        raise InvalidPlan(f"the engine fused cannot run a module {type(module).__name__}; auto takes one that can")
    return Activation(_FUNCTIONS[type(module)])
