"""What a network costs: shapes, parameters, bytes and floating-point operations, layer by layer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from shared.spec.layers import BatchNorm, Conv2d, Layer, Linear
from shared.spec.shapes import Misfit, Shape, shape_after


@dataclass(frozen=True)
class LayerCost:
    """One layer of a network.

    Attributes:
        kind: of the layer.
        pointer: the place in the expanded spec that it comes from.
        input_shape: without the batch.
        output_shape: without the batch.
        parameters: trainable values.
        weight_bytes: its part of the file of weights: fp32 parameters and, for batchnorm, running statistics.
        flops: floating-point operations in one epoch of training.
    """

    kind: str
    pointer: str
    input_shape: Shape
    output_shape: Shape
    parameters: int
    weight_bytes: int
    flops: int

    @property
    def needs_two_samples(self) -> bool:
        """Whether it cannot train on a batch of one: a batchnorm that sees each channel once in a sample."""
        return self.kind == "batchnorm" and math.prod(self.input_shape[1:]) == 1


@dataclass(frozen=True)
class Cost:
    """A whole network; `flops_per_epoch` and `layers` count training alone, not validation."""

    parameters: int
    flops_per_epoch: int
    weight_bytes: int
    layers: tuple[LayerCost, ...]


class LayerMisfit(Exception):
    """The layer at `index` of a row does not fit its input of `shape`."""

    def __init__(self, index: int, shape: Shape, reason: str) -> None:
        super().__init__(reason)
        self.index = index
        self.shape = shape
        self.reason = reason


def network_cost(row: Sequence[tuple[str, Layer]], input_shape: Shape, samples: int) -> Cost:
    """Works out a row of layers.

    FLOPs are those of the matrix products and convolutions, a multiplication and an addition each counting as one:
    twice the multiplications forward, as many for the gradient of the weights, and as many for the gradient of the
    input where a layer before has something to learn. So a row of linear layers needs 6 FLOPs a weight and sample,
    its first 4: 161,233,920,000 an epoch of CIFAR-2 for 3072-1024-512-128-2. `torch.utils.flop_counter` counts the
    same.

    Args:
        row: pointers and layers, first to last.
        input_shape: of one sample.
        samples: training samples in an epoch.

    Raises:
        LayerMisfit: at the first layer that cannot take what comes out of the one before.
    """
    layers: list[LayerCost] = []
    shape = input_shape
    learned = 0
    for index, (pointer, layer) in enumerate(row):
        try:
            after = shape_after(layer, shape)
        except Misfit as error:
            raise LayerMisfit(index, shape, str(error)) from None
        products = 2 * _multiplications(layer, shape, after) * (3 if learned else 2)
        parameters = parameters_of(layer, shape)
        statistics = 8 * shape[0] + 8 if isinstance(layer, BatchNorm) else 0  # two fp32 a channel, one int64 counter
        size = 4 * parameters + statistics
        layers.append(LayerCost(layer.kind, pointer, shape, after, parameters, size, products * samples))
        learned += parameters
        shape = after
    flops = sum(layer.flops for layer in layers)
    return Cost(learned, flops, sum(layer.weight_bytes for layer in layers), tuple(layers))


def parameters_of(layer: Layer, shape: Shape) -> int:
    """Trainable values of `layer` when `shape` goes in."""
    if isinstance(layer, Linear):
        return layer.out_features * (shape[0] + layer.bias)
    if isinstance(layer, Conv2d):
        return layer.out_channels * (shape[0] // layer.groups * layer.kernel_size**2 + layer.bias)
    return 2 * shape[0] if isinstance(layer, BatchNorm) else 0


def _multiplications(layer: Layer, shape: Shape, after: Shape) -> int:
    if isinstance(layer, Linear):
        return shape[0] * layer.out_features
    if isinstance(layer, Conv2d):
        return math.prod(after) * (shape[0] // layer.groups) * layer.kernel_size**2
    return 0
