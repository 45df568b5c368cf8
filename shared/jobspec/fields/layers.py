"""The layers of a `layers` network, as JSON. What goes in and comes out is worked out in `shapes`."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from shared.jobspec.fields.base import Extent, Padding, Part, Size

ActivationName = Literal["elu", "gelu", "leaky_relu", "relu", "sigmoid", "silu", "tanh"]


class Linear(Part):
    """Every output feature is a weighted sum of all input features."""

    kind: Literal["linear"]
    out_features: Size
    """Features that come out. The network's last linear layer may leave it out: then there is one for each class."""
    bias: bool = True
    """Whether a learned constant is added."""


class Conv2d(Part):
    """A two-dimensional convolution over an image."""

    kind: Literal["conv2d"]
    out_channels: Size
    """Channels that come out."""
    kernel_size: Extent
    """Height and width of the kernel."""
    stride: Extent = 1
    """Pixels from one place of the kernel to the next."""
    padding: Padding = 0
    """Zeros on each side."""
    dilation: Extent = 1
    """Pixels from one tap of the kernel to the next."""
    groups: Size = 1
    """Groups of channels that do not see each other; must divide the channels that go in and come out."""
    bias: bool = True
    """Whether a learned constant is added to each channel."""


class _Pool(Part):
    kernel_size: Extent
    """Height and width of the window."""
    stride: Extent | None = None
    """Pixels from one window to the next; null means the kernel size."""
    padding: Padding = 0
    """Border on each side, at most half of the kernel."""

    @property
    def step(self) -> int:
        """The stride that holds when none is given."""
        return self.stride or self.kernel_size


class MaxPool2d(_Pool):
    """The largest value of each window."""

    kind: Literal["maxpool2d"]


class AvgPool2d(_Pool):
    """The mean of each window; zeros of the border count."""

    kind: Literal["avgpool2d"]


class BatchNorm(Part):
    """Batch normalisation, over features or over channels, as its input is."""

    kind: Literal["batchnorm"]
    momentum: Annotated[float, Field(gt=0, le=1)] = 0.1
    """Part of each batch's mean and deviation in the running ones."""


class GroupNorm(Part):
    """Normalises groups of channels, or of features, of each sample; then each has a learned scale and shift."""

    kind: Literal["groupnorm"]
    num_groups: Size
    """Groups; must divide the channels that go in."""


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
    """Layers beside them, first to last; none at all is the identity. Must give the same shape."""


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
