"""What comes out of each layer, in plain Python; and, where a layer does not fit its input, what would.

A shape leaves out the batch: `(features,)` or `(channels, height, width)`. Sizes follow the formulas in the
documentation of `torch.nn.Conv2d`, `MaxPool2d` and `AvgPool2d`; the tests hold them against the real modules.
"""

from __future__ import annotations

import math
from typing import TypeAlias

from shared.documents.phrases import listed
from shared.jobspec.fields.layers import AvgPool2d, Conv2d, Flatten, Linear, MaxPool2d, SingleLayer, Whitening

Shape: TypeAlias = tuple[int, ...]


class Misfit(Exception):
    """A layer that does not fit its input; the message says what would. Caught where the whole network is known."""


def shape_after(layer: SingleLayer, shape: Shape) -> Shape:
    """The shape that comes out of `layer` when `shape` goes in.

    Raises:
        Misfit: the layer cannot take it.
    """
    if isinstance(layer, Linear):
        return _after_linear(layer, shape)
    if isinstance(layer, Conv2d):
        return _after_conv(layer, shape)
    if isinstance(layer, MaxPool2d | AvgPool2d):
        return _after_pool(layer, shape)
    if isinstance(layer, Whitening):
        return _after_whitening(layer, shape)
    return (math.prod(shape),) if isinstance(layer, Flatten) else shape


def shape_of_sum(before: Shape, after: Shape, beside: Shape) -> Shape:
    """What comes out of a residual block.

    Args:
        before: what goes into the block.
        after: what comes out of its layers.
        beside: what comes out of its shortcut.

    Raises:
        Misfit: the two cannot be added.
    """
    if after == beside:
        return after
    fits = _shortcut_that_fits(before, after)
    raise Misfit(
        f"adds what its layers give, {written(after)}, to what its shortcut gives, {written(beside)}, "
        f"which must have the same shape: {fits}"
    )


def _shortcut_that_fits(before: Shape, after: Shape) -> str:
    """The usual shortcut between two shapes, in words; or, where there is none, what the block's layers could do."""
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
    """A shape in words: `16 × 28 × 28` or `128 features`."""
    return f"{shape[0]} features" if len(shape) == 1 else " × ".join(map(str, shape))


def _after_linear(layer: Linear, shape: Shape) -> Shape:
    if len(shape) != 1:
        raise Misfit(
            f"takes features, but its input is an image of {written(shape)}: "
            f'put {{"kind": "flatten"}} before it, which makes {math.prod(shape)} features'
        )
    return (layer.out_features,)


def _after_conv(layer: Conv2d, shape: Shape) -> Shape:
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
    return (layer.out_channels, *(_places(size, reach, layer.stride, layer.padding) for size in (height, width)))


def _after_pool(layer: MaxPool2d | AvgPool2d, shape: Shape) -> Shape:
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
    return (channels, *sizes)


def _after_whitening(layer: Whitening, shape: Shape) -> Shape:
    channels, *sizes = _image(shape)
    patch = layer.kernel_size
    if patch > min(sizes):
        raise Misfit(
            f"has a kernel_size of {patch}, larger than its input of {written(shape)}: "
            f"a kernel_size of at most {min(sizes)} fits"
        )
    return (2 * channels * patch**2, *(size - patch + 1 for size in sizes))


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
