"""The cost of a network: shapes, parameters, bytes and floating-point operations, layer by layer."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from shared.jobspec.checks.shapes import Misfit, Shape, effect_of, shape_of_sum
from shared.jobspec.fields.layers import BatchNorm, Layer, PlainLayer, Residual, SingleLayer, Whitening


@dataclass(frozen=True)
class LayerCost:
    """The cost of one layer.

    Attributes:
        kind: kind of the layer.
        pointer: JSON pointer of the layer in the expanded spec.
        input_shape: shape of the input, without the batch.
        output_shape: shape of the output, without the batch.
        parameters: trainable values.
        weight_bytes: the layer's part of the weights file: fp32 parameters and, for batchnorm, running statistics.
        flops: floating-point operations in one epoch of training.
        activations: values that the layer outputs for one sample.
        normalized_pixels: fewest values of one channel and sample that a batchnorm works on; None without one.
    """

    kind: str
    pointer: str
    input_shape: Shape
    output_shape: Shape
    parameters: int
    weight_bytes: int
    flops: int
    activations: int
    normalized_pixels: int | None = None

    @property
    def needs_two_samples(self) -> bool:
        """Whether the layer cannot train on a batch of one: a batchnorm with one value per channel in a sample."""
        return self.normalized_pixels == 1


@dataclass(frozen=True)
class Cost:
    """The cost of a whole network; `flops_per_epoch` and `layers` count training only, not validation.

    In `layers`, a residual block is listed as its layers, its shortcut, and then the sum of both.
    """

    parameters: int
    flops_per_epoch: int
    weight_bytes: int
    layers: tuple[LayerCost, ...]


class LayerMisfit(Exception):
    """A layer does not fit its input; has the layer's kind and pointer, and the reason."""

    def __init__(self, pointer: str, kind: str, reason: str) -> None:
        super().__init__(reason)
        self.pointer = pointer
        self.kind = kind
        self.reason = reason


def network_cost(row: Sequence[tuple[str, Layer]], input_shape: Shape, samples: int) -> Cost:
    """Compute the cost of a row of layers.

    FLOPs are those of the matrix products and convolutions, a multiplication and an addition each counting as one:
    twice the multiplications forward, as many for the gradient of the weights, and as many for the gradient of the
    input where a layer before has something to learn. So a row of linear layers needs 6 FLOPs a weight and sample,
    its first 4: 161,233,920,000 an epoch of CIFAR-2 for 3072-1024-512-128-2. A whitening layer, which does not learn
    its filters, is the first and goes forward alone. `torch.utils.flop_counter` counts the same.

    Args:
        row: pointers and layers, first to last.
        input_shape: shape of one sample.
        samples: training samples in an epoch.

    Raises:
        LayerMisfit: of the first layer that does not fit the output of the previous one.
    """
    layers = _row_costs(row, input_shape, samples, learned=False)
    return Cost(
        sum(layer.parameters for layer in layers),
        sum(layer.flops for layer in layers),
        sum(layer.weight_bytes for layer in layers),
        tuple(layers),
    )


def pointed(layers: Iterable[PlainLayer], pointer: str) -> list[tuple[str, PlainLayer]]:
    """Return the layers of the list at `pointer`, each with its own pointer."""
    return [(f"{pointer}/{index}", layer) for index, layer in enumerate(layers)]


def _row_costs(row: Sequence[tuple[str, Layer]], shape: Shape, samples: int, *, learned: bool) -> list[LayerCost]:
    """Return the costs of a row of layers; `learned` says whether an earlier layer has weights."""
    costs: list[LayerCost] = []
    for pointer, layer in row:
        try:
            if isinstance(layer, Residual):
                part = _residual_costs(pointer, layer, shape, samples, learned=learned)
            else:
                part = [_layer_cost(pointer, layer, shape, samples, learned=learned)]
        except Misfit as error:
            raise LayerMisfit(pointer, layer.kind, str(error)) from None
        costs += part
        shape = costs[-1].output_shape
        learned = learned or any(cost.parameters for cost in part)
    return costs


def _residual_costs(pointer: str, block: Residual, shape: Shape, samples: int, *, learned: bool) -> list[LayerCost]:
    inner = _row_costs(pointed(block.layers, f"{pointer}/layers"), shape, samples, learned=learned)
    beside = _row_costs(pointed(block.shortcut, f"{pointer}/shortcut"), shape, samples, learned=learned)
    after, skipped = ((costs[-1].output_shape if costs else shape) for costs in (inner, beside))
    sum_shape = shape_of_sum(shape, after, skipped)
    return [*inner, *beside, LayerCost(block.kind, pointer, shape, sum_shape, 0, 0, 0, math.prod(sum_shape))]


def _layer_cost(pointer: str, layer: SingleLayer, shape: Shape, samples: int, *, learned: bool) -> LayerCost:
    effect = effect_of(layer, shape)
    passes = 1 if isinstance(layer, Whitening) else 3 if learned else 2
    return LayerCost(
        layer.kind,
        pointer,
        input_shape=shape,
        output_shape=effect.shape,
        parameters=effect.parameters,
        weight_bytes=4 * effect.parameters + effect.untrained_bytes,
        flops=2 * effect.multiplications * passes * samples,
        activations=math.prod(effect.shape),
        normalized_pixels=math.prod(shape[1:]) if isinstance(layer, BatchNorm) else None,
    )
