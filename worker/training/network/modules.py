"""Layers that torch has no module for."""

from __future__ import annotations

from torch import Tensor, nn


class Residual(nn.Module):
    """The sum of two rows of layers with the same input; an empty shortcut is the identity."""

    def __init__(self, layers: nn.Sequential, shortcut: nn.Sequential) -> None:
        super().__init__()
        self.layers, self.shortcut = layers, shortcut

    def forward(self, inputs: Tensor) -> Tensor:
        """Outputs of inputs (N, …). Runs the layers before the shortcut, so dropout in both draws in this order."""
        outputs: Tensor = self.layers(inputs) + self.shortcut(inputs)
        return outputs


class GlobalAvgPool(nn.Module):
    """Reduces each channel of an image to one feature: its mean."""

    def forward(self, images: Tensor) -> Tensor:
        """Features (N, C) of images (N, C, H, W)."""
        return images.mean((2, 3))


class Scale(nn.Module):
    """Multiplies all inputs by a constant."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, inputs: Tensor) -> Tensor:
        """The inputs, of any shape, times the constant."""
        return inputs * self.factor

    def extra_repr(self) -> str:
        """The text in the module's brackets when a network is printed."""
        return str(self.factor)
