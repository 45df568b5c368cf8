"""The cost of torchvision's networks on images of any size, from a table, as torchvision's own code builds them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

from shared.jobspec.checks.costs import Cost, LayerCost
from shared.jobspec.checks.torchvision_counts import COUNTS, Level
from shared.jobspec.datasets import ImageShape


def torchvision_cost(network: str, shape: ImageShape, classes: int, samples: int) -> Cost:
    """Return the cost of a network by name, as if it were one layer, on images that are not smaller than it takes."""
    counts = COUNTS[network]
    channels, *sides = shape
    areas = [height * width for height, width in zip(*(_sides(counts.levels, side) for side in sides), strict=True)]

    def sized(pair: tuple[int, int]) -> int:
        return pair[0] + classes * pair[1]

    on_levels = list(zip(areas, counts.levels, strict=True))
    products = sized(counts.products) + sum(area * sized(level.products) for area, level in on_levels)
    parameters = sized(counts.parameters) + channels * counts.stem
    # As of a layer in costs.py: three passes, and two for the first convolution, whose images need no gradient.
    flops = 2 * (3 * products + 2 * channels * counts.stem * areas[0])
    whole = LayerCost(
        kind=network,
        pointer="/architecture/network",
        input_shape=shape,
        output_shape=(classes,),
        parameters=parameters,
        weight_bytes=4 * parameters + counts.buffer_bytes,
        flops=flops * samples,
        activations=sized(counts.values) + sum(area * sized(level.values) for area, level in on_levels),
        normalized_pixels=min((area for area, level in on_levels if level.normalizes), default=None),
    )
    return Cost(whole.parameters, whole.flops, whole.weight_bytes, (whole,))


def smallest_side(network: str) -> int:
    """Return the least height and width of an image that the network does not shrink to nothing."""
    levels = COUNTS[network].levels
    return next(side for side in count(1) if min(_sides(levels, side)) >= 1)


def _sides(levels: tuple[Level, ...], side: int) -> Iterator[int]:
    """Return a side of the image on each level, by the formulas of torch's convolutions and pools."""
    for level in levels:
        kernel, stride, padding, up = level.step
        side = (side + 2 * padding - kernel + up * (stride - 1)) // stride + 1
        yield side
