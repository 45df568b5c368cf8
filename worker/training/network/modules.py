"""Layers that torch has no module for."""

from __future__ import annotations

from torch import Tensor, nn


class Residual(nn.Module):
    """The sum of what two rows of layers make of the same input; an empty shortcut passes it on as it is."""

    def __init__(self, layers: nn.Sequential, shortcut: nn.Sequential) -> None:
        super().__init__()
        self.layers, self.shortcut = layers, shortcut

    def forward(self, inputs: Tensor) -> Tensor:
        """Outputs of inputs (N, …): layers first, so that dropout in both draws in this order."""
        outputs: Tensor = self.layers(inputs) + self.shortcut(inputs)
        return outputs


class GlobalAvgPool(nn.Module):
    """Makes one feature of each channel of an image: its mean."""

    def forward(self, images: Tensor) -> Tensor:
        """Features (N, C) of images (N, C, H, W)."""
        return images.mean((2, 3))


class Scale(nn.Module):
    """Multiplies by a constant."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, inputs: Tensor) -> Tensor:
        """The inputs, each times the constant."""
        return inputs * self.factor

    def extra_repr(self) -> str:
        """What stands in the brackets when the network is printed."""
        return str(self.factor)
