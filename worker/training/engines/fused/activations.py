"""Elementwise functions, forward and backward: the kernels that autograd itself would run, without its bookkeeping."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from typing_extensions import override

from worker.training.engines.fused.products import FUSED
from worker.training.errors import InvalidPlan

_aten = torch.ops.aten


class Pointwise(Protocol):
    """A function applied to each element, deterministic or random. `backward` belongs to the last `forward`."""

    def forward(self, inputs: Tensor) -> Tensor:
        """The function of the inputs, as in training."""

    def backward(self, gradient: Tensor) -> Tensor:
        """The gradient by the inputs (`gradient` is that by the outputs). May overwrite its argument."""

    def predict(self, inputs: Tensor) -> Tensor:
        """The function of the inputs, as in evaluation."""


@dataclass(frozen=True)
class _Function:
    """An activation and its gradient, which torch computes from either the outputs or the inputs."""

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
"""Activations by their modules, with the options that `network.build.activation` uses: torch's defaults."""


class Activation(Pointwise):
    """An activation function of torch, with the kernel of its gradient."""

    def __init__(self, function: _Function) -> None:
        self._function = function
        self._kept: Tensor | None = None

    @property
    def fused(self) -> str | None:
        """The function's name for `products.linear`; None where that lacks it or the gradient needs the inputs."""
        return self._function.name if self._function.by_output and self._function.name in FUSED else None

    def keep(self, outputs: Tensor) -> Tensor:
        """Store outputs that were computed elsewhere, for `backward`, and return them."""
        self._kept = outputs
        return outputs

    @override
    def forward(self, inputs: Tensor) -> Tensor:
        outputs = self._function.value(inputs)
        self._kept = outputs if self._function.by_output else inputs
        return outputs

    @override
    def backward(self, gradient: Tensor) -> Tensor:
        assert self._kept is not None
        return self._function.gradient(gradient, self._kept)

    @override
    def predict(self, inputs: Tensor) -> Tensor:
        return self._function.value(inputs)


class Dropout(Pointwise):
    """The masks of `F.dropout`, drawn from the device's global generator."""

    def __init__(self, p: float) -> None:
        self._p = p
        self._factors: Tensor | None = None

    @override
    def forward(self, inputs: Tensor) -> Tensor:
        self._factors = self._draw(inputs)
        return inputs if self._factors is None else inputs * self._factors

    @override
    def backward(self, gradient: Tensor) -> Tensor:
        return gradient if self._factors is None else gradient.mul_(self._factors)

    @override
    def predict(self, inputs: Tensor) -> Tensor:
        return inputs

    def _draw(self, inputs: Tensor) -> Tensor | None:
        """A factor for each element, or None for one everywhere. As in torch, nothing is drawn for p = 0 and p = 1."""
        if self._p == 0:
            return None
        if self._p == 1:
            return torch.zeros_like(inputs)
        if inputs.device.type == "cuda":
            ones = torch.ones_like(inputs)
            return torch.native_dropout(ones, self._p, train=True)[0]
        return torch.empty_like(inputs).bernoulli_(1 - self._p).div_(1 - self._p)


def pointwise(module: nn.Module) -> Pointwise:
    """The elementwise function that a module applies.

    Raises:
        InvalidPlan: the module is not known to be elementwise.
    """
    if isinstance(module, nn.Dropout):
        return Dropout(module.p)
    if type(module) not in _FUNCTIONS:
        raise InvalidPlan(f"the engine fused cannot run a module {type(module).__name__}; auto takes one that can")
    return Activation(_FUNCTIONS[type(module)])
