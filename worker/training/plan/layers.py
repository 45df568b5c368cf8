"""Layers of a network, with the options of the torch module that each becomes in `network.build`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, TypeAlias

ActivationName: TypeAlias = Literal["elu", "gelu", "leaky_relu", "relu", "sigmoid", "silu", "tanh"]


@dataclass(frozen=True)
class LinearPlan:
    """A weighted sum of all input features for each output feature."""

    kind: ClassVar[str] = "linear"
    out_features: int
    bias: bool = True


@dataclass(frozen=True)
class Conv2dPlan:
    """A convolution over an image."""

    kind: ClassVar[str] = "conv2d"
    out_channels: int
    kernel_size: int
    stride: int = 1
    padding: int = 0
    dilation: int = 1
    groups: int = 1
    bias: bool = True


@dataclass(frozen=True)
class MaxPool2dPlan:
    """The largest value of each window; a stride of None is the kernel's size."""

    kind: ClassVar[str] = "maxpool2d"
    kernel_size: int
    stride: int | None = None
    padding: int = 0


@dataclass(frozen=True)
class AvgPool2dPlan:
    """The mean of each window; a stride of None is the kernel's size."""

    kind: ClassVar[str] = "avgpool2d"
    kernel_size: int
    stride: int | None = None
    padding: int = 0


@dataclass(frozen=True)
class BatchNormPlan:
    """Batch normalisation over channels, or over features where there is no image any more."""

    kind: ClassVar[str] = "batchnorm"
    momentum: float = 0.1


@dataclass(frozen=True)
class DropoutPlan:
    """Sets each value to zero with probability `p` in training."""

    kind: ClassVar[str] = "dropout"
    p: float = 0.5


@dataclass(frozen=True)
class FlattenPlan:
    """Turns an image (C, H, W) into one row of features."""

    kind: ClassVar[str] = "flatten"


@dataclass(frozen=True)
class ScalePlan:
    """Multiplies all its inputs by a constant."""

    kind: ClassVar[str] = "scale"
    factor: float


@dataclass(frozen=True)
class ActivationPlan:
    """An activation function, applied to each value."""

    kind: ActivationName


@dataclass(frozen=True)
class GroupNormPlan:
    """Normalises each group of channels or features of each sample."""

    kind: ClassVar[str] = "groupnorm"
    num_groups: int


@dataclass(frozen=True)
class LayerNormPlan:
    """Normalises all values of each sample together."""

    kind: ClassVar[str] = "layernorm"


@dataclass(frozen=True)
class GlobalAvgPoolPlan:
    """Reduces each channel of an image to one feature: its mean."""

    kind: ClassVar[str] = "global_avgpool"


PlainLayerPlan: TypeAlias = (
    LinearPlan
    | Conv2dPlan
    | MaxPool2dPlan
    | AvgPool2dPlan
    | BatchNormPlan
    | DropoutPlan
    | FlattenPlan
    | ScalePlan
    | ActivationPlan
    | GroupNormPlan
    | LayerNormPlan
    | GlobalAvgPoolPlan
)
"""The layers that a residual block can contain."""


@dataclass(frozen=True)
class ResidualPlan:
    """The sum of two rows of layers with the same input; an empty shortcut is the identity."""

    kind: ClassVar[str] = "residual"
    layers: tuple[PlainLayerPlan, ...]
    shortcut: tuple[PlainLayerPlan, ...] = ()


@dataclass(frozen=True)
class WhiteningPlan:
    """A convolution whose filters are computed from the training images; the network's first layer."""

    kind: ClassVar[str] = "whitening"
    kernel_size: int


LayerPlan: TypeAlias = PlainLayerPlan | ResidualPlan | WhiteningPlan
