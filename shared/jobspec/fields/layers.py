"""The layers of a `layers` network as JSON. `shared.jobspec.checks.shapes` computes their shapes."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from shared.jobspec.fields.base import Extent, Padding, Part, Size

ActivationName = Literal["elu", "gelu", "leaky_relu", "relu", "sigmoid", "silu", "tanh"]


class Linear(Part):
    """Every output feature is a weighted sum of all input features."""

    kind: Literal["linear"]
    out_features: Size
    """Number of output features. Optional in the network's last linear layer: then one per class."""
    bias: bool = True
    """Whether a learned constant is added."""


class Conv2d(Part):
    """A two-dimensional convolution over an image."""

    kind: Literal["conv2d"]
    out_channels: Size
    """Number of output channels."""
    kernel_size: Extent
    """Height and width of the kernel."""
    stride: Extent = 1
    """Pixels between neighbouring positions of the kernel."""
    padding: Padding = 0
    """Zeros on each side."""
    dilation: Extent = 1
    """Pixels between neighbouring elements of the kernel."""
    groups: Size = 1
    """Number of independent groups of channels; must divide the input and output channels."""
    bias: bool = True
    """Whether a learned constant is added to each channel."""


class _Pool(Part):
    kernel_size: Extent
    """Height and width of the window."""
    stride: Extent | None = None
    """Pixels between neighbouring windows; null means the kernel size."""
    padding: Padding = 0
    """Border on each side, at most half of the kernel."""

    @property
    def step(self) -> int:
        """Return the stride in effect: the given one, or the kernel size."""
        return self.stride or self.kernel_size


class MaxPool2d(_Pool):
    """The largest value of each window."""

    kind: Literal["maxpool2d"]


class AvgPool2d(_Pool):
    """The mean of each window; zeros of the border count."""

    kind: Literal["avgpool2d"]


class BatchNorm(Part):
    """Batch normalisation over the features or channels of the input."""

    kind: Literal["batchnorm"]
    momentum: Annotated[float, Field(gt=0, le=1)] = 0.1
    """Weight of each batch's mean and variance in the running statistics."""


class GroupNorm(Part):
    """Normalises groups of channels, or of features, of each sample; then each has a learned scale and shift."""

    kind: Literal["groupnorm"]
    num_groups: Size
    """Number of groups; must divide the input channels."""


class LayerNorm(Part):
    """Normalises all values of each sample together; then each value has a learned scale and shift."""

    kind: Literal["layernorm"]


class GlobalAvgPool(Part):
    """Makes one feature of each channel of an image: its mean."""

    kind: Literal["global_avgpool"]


class Dropout(Part):
    """Zeros a random part of the values while training."""

    kind: Literal["dropout"]
    p: Annotated[float, Field(ge=0, lt=1)] = 0.5
    """Probability that a value is zeroed."""


class Flatten(Part):
    """Makes one row of features of an image."""

    kind: Literal["flatten"]


class Activation(Part):
    """A function applied to each value."""

    kind: ActivationName


class Scale(Part):
    """Multiplies each value by a constant."""

    kind: Literal["scale"]
    factor: Annotated[float, Field(gt=0, le=1000)]
    """The constant."""


_Plain = (
    Linear
    | Conv2d
    | MaxPool2d
    | AvgPool2d
    | BatchNorm
    | Dropout
    | Flatten
    | Scale
    | Activation
    | GroupNorm
    | LayerNorm
    | GlobalAvgPool
)
PlainLayer = Annotated[_Plain, Field(discriminator="kind")]


class Residual(Part):
    """A block whose output is that of its layers plus that of its shortcut; both work on the block's input."""

    kind: Literal["residual"]
    layers: Annotated[tuple[PlainLayer, ...], Field(strict=False, json_schema_extra={"minItems": 1})]
    """The block's layers, first to last; of every kind but residual and whitening."""
    shortcut: Annotated[tuple[PlainLayer, ...], Field(strict=False)] = ()
    """The shortcut's layers, first to last; empty means the identity. Must output the same shape as `layers`."""


class Whitening(Part):
    """A convolution without padding whose filters are computed from the training images; only its bias is learned.

    Gives two channels for each value of a patch: the eigenvectors of the patches' covariance over the root of
    their eigenvalues, and the negatives of these.
    """

    kind: Literal["whitening"]
    kernel_size: Annotated[int, Field(ge=1, le=8)]
    """Height and width of a patch."""


SingleLayer: TypeAlias = _Plain | Whitening
"""Every layer that is not made of others."""

Layer = Annotated[_Plain | Residual | Whitening, Field(discriminator="kind")]
