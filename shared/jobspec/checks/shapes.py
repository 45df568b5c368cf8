"""Output shape and cost of each layer, in plain Python; and where a layer does not fit its input, what would.

A shape leaves out the batch: `(features,)` or `(channels, height, width)`. Sizes follow the formulas in the
documentation of `torch.nn.Conv2d`, `MaxPool2d` and `AvgPool2d`; the tests hold them against the real modules.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeAlias, assert_never

from shared.documents.phrases import listed
from shared.jobspec.fields.layers import (
    Activation,
    AvgPool2d,
    BatchNorm,
    Conv2d,
    Dropout,
    Flatten,
    GlobalAvgPool,
    GroupNorm,
    LayerNorm,
    Linear,
    MaxPool2d,
    Scale,
    SingleLayer,
    Whitening,
)

Shape: TypeAlias = tuple[int, ...]


class Misfit(Exception):
    """A layer does not fit its input; the message says what would. Caught where the whole network is known."""


@dataclass(frozen=True)
class Effect:
    """The output of a layer, and its cost for one sample.

    Attributes:
        shape: shape of the output.
        parameters: number of trainable values.
        multiplications: multiplications of the forward matrix product or convolution.
        untrained_bytes: bytes in the weights file beside the parameters.
    """

    shape: Shape
    parameters: int = 0
    multiplications: int = 0
    untrained_bytes: int = 0


def effect_of(layer: SingleLayer, shape: Shape) -> Effect:  # noqa: C901, PLR0911 -- one case for each kind
    """Return the effect of `layer` on an input of `shape`.

    Raises:
        Misfit: the layer does not fit the input.
    """
    match layer:
        case Linear():
            return _linear(layer, shape)
        case Conv2d():
            return _conv(layer, shape)
        case MaxPool2d() | AvgPool2d():
            return _pool(layer, shape)
        case Whitening():
            return _whitening(layer, shape)
        case BatchNorm():
            # A mean and a variance per channel in fp32, and an int64 counter.
            return Effect(shape, parameters=2 * shape[0], untrained_bytes=8 * shape[0] + 8)
        case GroupNorm():
            return _group_norm(layer, shape)
        case LayerNorm():
            return Effect(shape, parameters=2 * math.prod(shape))
        case GlobalAvgPool():
            return Effect(_image(shape)[:1])
        case Flatten():
            return Effect((math.prod(shape),))
        case Dropout() | Scale() | Activation():
            return Effect(shape)
        case _:
            assert_never(layer)


def shape_of_sum(before: Shape, after: Shape, beside: Shape) -> Shape:
    """Return the output shape of a residual block.

    Args:
        before: input shape of the block.
        after: output shape of its layers.
        beside: output shape of its shortcut.

    Raises:
        Misfit: the outputs of layers and shortcut differ in shape.
    """
    if after == beside:
        return after
    fits = _shortcut_that_fits(before, after)
    raise Misfit(
        f"adds what its layers give, {written(after)}, to what its shortcut gives, {written(beside)}, "
        f"which must have the same shape: {fits}"
    )


def _shortcut_that_fits(before: Shape, after: Shape) -> str:
    """Suggest the usual shortcut between two shapes or, where there is none, a change of the block's layers."""
    if before == after:
        return "an empty shortcut would fit"
    if len(after) == 1:
        flatten = '{"kind": "flatten"} and ' if len(before) > 1 else ""
        return f'a shortcut of {flatten}{{"kind": "linear", "out_features": {after[0]}}} would fit'
    channels, *sizes = after
    for stride in range(1, max(before[1:]) + 1):
        if [_places(size, 1, stride, 0) for size in before[1:]] == sizes:
            options = f'"out_channels": {channels}, "kernel_size": 1, "stride": {stride}, "bias": false'
            return f'a shortcut of {{"kind": "conv2d", {options}}} and {{"kind": "batchnorm"}} would fit'
    return "a convolution with a padding of half of its kernel_size keeps height and width"


def written(shape: Shape) -> str:
    """Write a shape as `16 × 28 × 28` or `128 features`."""
    return f"{shape[0]} features" if len(shape) == 1 else " × ".join(map(str, shape))


def _linear(layer: Linear, shape: Shape) -> Effect:
    if len(shape) != 1:
        raise Misfit(
            f"takes features, but its input is an image of {written(shape)}: "
            f'put {{"kind": "flatten"}} before it, which makes {math.prod(shape)} features'
        )
    out = layer.out_features
    return Effect((out,), parameters=out * (shape[0] + layer.bias), multiplications=out * shape[0])


def _conv(layer: Conv2d, shape: Shape) -> Effect:
    channels, height, width = _image(shape)
    reach = layer.dilation * (layer.kernel_size - 1) + 1
    fits = (min(height, width) + 2 * layer.padding - 1) // layer.dilation + 1
    if layer.kernel_size > fits:
        spread = f" ({reach} with its dilation)" if layer.dilation > 1 else ""
        raise Misfit(
            f"has a kernel_size of {layer.kernel_size}{spread}, larger than its input of {written(shape)} "
            f"with a padding of {layer.padding}: a kernel_size of at most {fits} fits, "
            f"or a padding of at least {-((min(height, width) - reach) // 2)}"
        )
    if channels % layer.groups or layer.out_channels % layer.groups:
        common = math.gcd(channels, layer.out_channels)
        raise Misfit(
            f"has groups {layer.groups}, which must divide both its out_channels, {layer.out_channels}, and the "
            f"{channels} channels of its input of {written(shape)}: {_divisors(common)} would fit"
        )
    after = (layer.out_channels, *(_places(size, reach, layer.stride, layer.padding) for size in (height, width)))
    taps = channels // layer.groups * layer.kernel_size**2
    return Effect(after, layer.out_channels * (taps + layer.bias), math.prod(after) * taps)


def _pool(layer: MaxPool2d | AvgPool2d, shape: Shape) -> Effect:
    channels, height, width = _image(shape)
    if layer.padding > layer.kernel_size // 2:
        raise Misfit(
            f"has a padding of {layer.padding} on its input of {written(shape)}, more than half of its kernel_size "
            f"of {layer.kernel_size}: a padding of at most {layer.kernel_size // 2} fits"
        )
    fits = min(height, width) + 2 * layer.padding
    if layer.kernel_size > fits:
        raise Misfit(
            f"has a kernel_size of {layer.kernel_size}, larger than its input of {written(shape)} "
            f"with a padding of {layer.padding}: a kernel_size of at most {fits} fits"
        )
    sizes = (_places(size, layer.kernel_size, layer.step, layer.padding) for size in (height, width))
    return Effect((channels, *sizes))


def _whitening(layer: Whitening, shape: Shape) -> Effect:
    channels, *sizes = _image(shape)
    patch = layer.kernel_size
    if patch > min(sizes):
        raise Misfit(
            f"has a kernel_size of {patch}, larger than its input of {written(shape)}: "
            f"a kernel_size of at most {min(sizes)} fits"
        )
    values = channels * patch**2
    after = (2 * values, *(size - patch + 1 for size in sizes))
    return Effect(after, 2 * values, math.prod(after) * values, untrained_bytes=4 * 2 * values**2)


def _group_norm(layer: GroupNorm, shape: Shape) -> Effect:
    channels, values = shape[0], math.prod(shape)
    what = "features" if len(shape) == 1 else "channels"
    if channels % layer.num_groups:
        raise Misfit(
            f"has num_groups {layer.num_groups}, which must divide the {channels} {what} of its input "
            f"of {written(shape)}: {_divisors(channels)} would fit"
        )
    if values == layer.num_groups:
        raise Misfit(
            f"has num_groups {layer.num_groups} on its input of {written(shape)}: a group of one value is always "
            f"normalised to zero, so take fewer groups than {what}"
        )
    return Effect(shape, parameters=2 * channels)


def _image(shape: Shape) -> tuple[int, int, int]:
    if len(shape) != 3:
        raise Misfit(
            f"takes an image (channels × height × width), but its input is {written(shape)}: "
            "put it before the first flatten or linear layer"
        )
    channels, height, width = shape
    return channels, height, width


def _places(size: int, reach: int, stride: int, padding: int) -> int:
    return (size + 2 * padding - reach) // stride + 1


def _divisors(number: int) -> str:
    small = [divisor for divisor in range(1, min(number, 64) + 1) if number % divisor == 0]
    return listed([str(divisor) for divisor in small])
