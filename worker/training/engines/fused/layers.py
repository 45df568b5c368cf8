"""A fully connected network as layers that each know their forward and backward products."""

from __future__ import annotations

from typing import assert_never

import torch
from torch import Tensor, nn

from worker.training.engines.fused.activations import Activation, Pointwise, pointwise
from worker.training.engines.fused.products import add_product, linear
from worker.training.plan import (
    ActivationPlan,
    ArchitecturePlan,
    DropoutPlan,
    FlattenPlan,
    LayersPlan,
    LinearPlan,
    MlpPlan,
    TorchvisionPlan,
)


class Layer:
    """A linear layer and the elementwise functions after it.

    The parameters are the network's own, changed in place. Products are computed in `dtype`; where the parameters have
    another type, the layer has a copy of them in `dtype`, which `refresh` brings up to date.
    """

    def __init__(self, module: nn.Linear, dtype: torch.dtype) -> None:
        bias: nn.Parameter | None = module.bias  # torch's own annotation leaves the None out
        self.parameters = list(module.parameters())
        self.weight = module.weight.detach()
        self.bias = None if bias is None else bias.detach()
        self.dtype = dtype
        self._copied = dtype != self.weight.dtype
        self._weight = self.weight.to(dtype)
        self._bias = None if self.bias is None else self.bias.to(dtype)
        self._after: list[Pointwise] = []
        self._ones: dict[int, Tensor] = {}
        self.inputs: Tensor | None = None

    def append(self, function: Pointwise) -> None:
        """Add an elementwise function after the layer's others."""
        self._after.append(function)

    def forward(self, inputs: Tensor) -> Tensor:
        """The layer's outputs (N, O) for inputs (N, I), in training; stores the inputs for `backward`."""
        self.inputs = inputs
        return self.activated(inputs, self._weight)

    def predict(self, inputs: Tensor) -> Tensor:
        """The layer's outputs (N, O) for inputs (N, I), in evaluation; stores nothing."""
        fused, rest = self._fused()
        outputs = linear(inputs, self._weight, self._bias, None if fused is None else fused.fused)
        for function in rest:
            outputs = function.predict(outputs)
        return outputs

    def activated(self, inputs: Tensor, weight: Tensor) -> Tensor:
        """The elementwise functions of inputs · weightᵀ + bias."""
        fused, rest = self._fused()
        if fused is None:
            outputs = linear(inputs, weight, self._bias)
        else:
            outputs = fused.keep(linear(inputs, weight, self._bias, fused.fused))
        for function in rest:
            outputs = function.forward(outputs)
        return outputs

    def activated_product(self, product: Tensor) -> Tensor:
        """The elementwise functions of `product`, which is inputs · weightᵀ + bias and may be overwritten later."""
        outputs = product
        for function in self._after:
            outputs = function.forward(outputs)
        return outputs.clone() if outputs is product else outputs

    def biased_product(self, inputs: Tensor) -> Tensor:
        """The product inputs · weightᵀ + bias (N, O), without the elementwise functions."""
        return linear(inputs, self._weight, self._bias)

    def backward(self, gradient: Tensor) -> Tensor:
        """The gradient with respect to the product (N, O), from that with respect to the outputs."""
        for function in reversed(self._after):
            gradient = function.backward(gradient)
        return gradient

    def product(self, inputs: Tensor) -> Tensor:
        """The product inputs · weightᵀ (N, O), without bias and elementwise functions."""
        return linear(inputs, self._weight)

    def input_gradient(self, gradient: Tensor) -> Tensor:
        """The gradient with respect to the inputs (N, I), from that by the product. Call before the weights change."""
        return linear(gradient, self._weight.mT)

    def subtract_from_weight(self, gradient: Tensor, inputs: Tensor, shrink: float = 1.0, scale: float = 1.0) -> None:
        """Set weight = shrink · weight - scale · gradientᵀ · inputs, for the gradient (N, O) by the product."""
        copy = self._weight if self._copied else None
        add_product(self.weight, gradient.mT, inputs, -scale, shrink, copy)

    def subtract_from_bias(self, gradient: Tensor, shrink: float = 1.0) -> None:
        """Set bias = shrink · bias - the sum of the gradient (N, O) over the batch."""
        if self.bias is not None:
            if shrink != 1:
                self.bias.mul_(shrink)
            if gradient.is_cuda and gradient.dtype == self.bias.dtype:
                self.bias.addmv_(gradient.mT, self._column(len(gradient)), alpha=-1)  # one kernel instead of two
            else:
                self.bias.sub_(gradient.sum(-2, dtype=self.bias.dtype))
            self.refresh_bias()

    def _column(self, rows: int) -> Tensor:
        """A vector of `rows` ones, always the same tensor: a recording reads it at its address."""
        if rows not in self._ones:
            self._ones[rows] = self.weight.new_ones(rows)
        return self._ones[rows]

    def refresh(self) -> None:
        """Bring the copy of weight and bias in `dtype` up to date."""
        self.refresh_weight(slice(None))
        self.refresh_bias()

    def refresh_weight(self, rows: slice) -> None:
        """Bring some rows of the copy of the weight in `dtype` up to date."""
        if self._copied:
            self._weight[rows].copy_(self.weight[rows])

    def refresh_bias(self) -> None:
        """Bring the copy of the bias in `dtype` up to date."""
        if self._copied and self._bias is not None and self.bias is not None:
            self._bias.copy_(self.bias)

    def _fused(self) -> tuple[Activation | None, list[Pointwise]]:
        """The first elementwise function, if the product's kernel can apply it, else None; and the other functions."""
        first = self._after[0] if self._after else None
        if isinstance(first, Activation) and first.fused:
            return first, self._after[1:]
        return None, self._after


def is_fully_connected(architecture: ArchitecturePlan) -> bool:
    """Whether `layers_of` takes this network: one flattening, then linear layers and elementwise functions."""
    match architecture:
        case MlpPlan():
            return True
        case LayersPlan(layers=(FlattenPlan(), LinearPlan(), *others)):
            return all(isinstance(each, LinearPlan | FlattenPlan | DropoutPlan | ActivationPlan) for each in others)
        case LayersPlan() | TorchvisionPlan():
            return False
        case _:
            assert_never(architecture)


def layers_of(network: nn.Module, dtype: torch.dtype) -> list[Layer]:
    """The layers of a fully connected network, which take flattened images.

    Raises:
        InvalidPlan: a module is neither linear, nor elementwise, nor a flattening; leaving it out would train another
            network.
    """
    layers: list[Layer] = []
    for module in network.children():
        if isinstance(module, nn.Linear):
            layers.append(Layer(module, dtype))
        elif not isinstance(module, nn.Flatten):  # the layers' inputs are flat already
            layers[-1].append(pointwise(module))
    return layers
