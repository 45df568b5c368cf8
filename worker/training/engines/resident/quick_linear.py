"""Linear layers whose products, forward and backward, are those of `products`, inside a network that autograd runs."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from worker.training.engines.fused.products import linear


class _Linear(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, inputs: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        ctx.save_for_backward(inputs, weight)
        ctx.has_bias = bias is not None
        return linear(inputs, weight, bias)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor, Tensor | None]:
        inputs, weight = ctx.saved_tensors
        by_inputs = linear(gradient, weight.mT) if ctx.needs_input_grad[0] else None
        by_weight = linear(gradient.mT, inputs.mT)
        return by_inputs, by_weight, gradient.sum(0) if ctx.has_bias else None


class QuickLinear(nn.Linear):
    """`nn.Linear` with the products of `products`, for inputs that are rows of features."""

    def forward(self, inputs: Tensor) -> Tensor:
        """Outputs (N, O) of inputs (N, I)."""
        if inputs.dim() != 2:
            return super().forward(inputs)
        return _Linear.apply(inputs, self.weight, self.bias)  # type: ignore[no-any-return]


def quicken(network: nn.Module) -> None:
    """Turn the network's linear layers into `QuickLinear`, in place. Parameters and their names stay."""
    for module in network.modules():
        if type(module) is nn.Linear:
            module.__class__ = QuickLinear
