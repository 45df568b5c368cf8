"""The layers that torch has no module for. The names of their weights are those in a job's files."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Residual(nn.Module):
    """The sum of two rows of layers with the same input.

    Args:
        layers: the block's layers.
        shortcut: the layers beside them; default none, which is the identity.
    """

    def __init__(self, layers: nn.Sequential, shortcut: nn.Sequential | None = None) -> None:
        super().__init__()
        self.layers = layers
        self.shortcut = nn.Sequential() if shortcut is None else shortcut

    def forward(self, inputs: Tensor) -> Tensor:
        """Outputs of inputs (N, …)."""
        outputs: Tensor = self.layers(inputs) + self.shortcut(inputs)
        return outputs


class GlobalAvgPool(nn.Module):
    """Reduces each channel of an image to one feature: its mean."""

    def forward(self, images: Tensor) -> Tensor:
        """Features (N, C) of images (N, C, H, W)."""
        return images.mean((2, 3))


class Scale(nn.Module):
    """Multiplies all inputs by a constant.

    Args:
        factor: the constant, above 0.
    """

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, inputs: Tensor) -> Tensor:
        """The inputs, of any shape, times the constant."""
        return inputs * self.factor


class Whitening(nn.Module):
    """A convolution without padding whose filters are computed from the training images; only its bias is learned.

    The filters are a buffer, of zeros until weights are loaded: a job computes them when it begins.

    Args:
        channels: channels of the images.
        kernel_size: height and width of a patch.
    """

    weight: Tensor

    def __init__(self, channels: int, kernel_size: int) -> None:
        super().__init__()
        filters = 2 * channels * kernel_size**2
        self.kernel_size = kernel_size
        self.register_buffer("weight", torch.zeros(filters, channels, kernel_size, kernel_size))
        self.bias = nn.Parameter(torch.zeros(filters))

    def forward(self, images: Tensor) -> Tensor:
        """Outputs (N, 2·C·k², H - k + 1, W - k + 1) of images (N, C, H, W)."""
        return F.conv2d(images, self.weight, self.bias)


class Mlp(nn.Sequential):
    """Fully connected layers over the flattened image; flattening is no member, so the first weights are `0.weight`."""

    def forward(self, images: Tensor) -> Tensor:
        """Scores (N, classes) of images (N, C, H, W)."""
        scores = torch.flatten(images, 1)
        for module in self:
            scores = module(scores)
        return scores
