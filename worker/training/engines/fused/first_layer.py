"""The first layer in a block of batches: changed after every batch, or once for the whole block.

The layer's inputs are data, known beforehand. Within a block, the weight before batch j is
W_j = W_0 - lr Σ_{i<j} D_iᵀ X_i, where D_i are the gradients by the layer's products. So batch j's products are

    X_j W_jᵀ = X_j W_0ᵀ - lr Σ_{i<j} (X_j X_iᵀ) D_i:

one product of the whole block with W_0, and small corrections through the block's Gram matrix. Exact up to rounding;
the weight, megabytes that no cache near a core holds, is read twice and written once in a block instead of in a step.
Weight decay shrinks by s in each step: all of this then holds for W_j / s^j and D_i / s^(i+1). (`updates.InPlace` makes
lr a part of the gradients from the start, so it may change from batch to batch; s may not.)

`LazyFirstLayer` works in place, in one matrix `mixed` with a row for each of the block's samples: rows of batches that
are done hold their gradients, the other rows their products with W_0. Batch 2 of a block then needs one product:

                batch 0          batch 1        batch 2
    mixing   [ -s² X_2 X_0ᵀ  |  -s² X_2 X_1ᵀ |  s² identity ]
    mixed    [  D_0 / s      |   D_1 / s²    |  X_2 W_0ᵀ    ]ᵀ    mixing · mixed = X_2 W_2ᵀ

The lazy form is worth its length: an epoch of 3072-1024-512-128-2 takes 1.3 times as long without it in bf16, and 1.1
times in fp32 (one core with AVX-512). Its test has the same formula in ten lines that move nothing.
"""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor
from typing_extensions import override

from worker.training.engines.fused.layers import Layer
from worker.training.engines.fused.products import linear
from worker.training.engines.fused.updates import InPlace, Update


class FirstLayer(Protocol):
    """The network's first layer in one block after another: `begin`, `forward` and `backward` by batch, `finish`."""

    def begin(self, inputs: Tensor) -> None:
        """Begin a block: take the inputs (N, I) of all its batches."""

    def forward(self, number: int, rows: slice) -> Tensor:
        """The layer's outputs for the block's batch `number` (from 0), which has these rows of the block's inputs."""

    def backward(self, number: int, rows: slice, gradient: Tensor) -> None:
        """Take the gradient (N, O) with respect to the layer's products, for the block's batch `number`."""

    def finish(self, batches: int) -> None:
        """End a block of this many batches: leave the weights as they are after its last step."""


class EagerFirstLayer(FirstLayer):
    """A first layer whose weights change after each batch, as those of every other layer do."""

    def __init__(self, layer: Layer, update: Update) -> None:
        self._layer, self._update = layer, update
        self._inputs = torch.empty(0)

    @override
    def begin(self, inputs: Tensor) -> None:
        self._inputs = inputs

    @override
    def forward(self, number: int, rows: slice) -> Tensor:
        del number
        return self._layer.forward(self._inputs[rows])

    @override
    def backward(self, number: int, rows: slice, gradient: Tensor) -> None:
        del number
        self._update.layer(self._layer, gradient, self._inputs[rows])

    @override
    def finish(self, batches: int) -> None:
        """Do nothing: every batch has changed the weights already."""


class LazyFirstLayer(FirstLayer):
    """A first layer whose weight changes once in a block, and its bias after each batch.

    Args:
        layer: the network's first layer.
        update: plain SGD, which the formula above holds for. All steps of a block shrink the weights by one factor.
        batch_size: rows in a batch; the last batch may have fewer.
        batches: the most batches in a block.
    """

    def __init__(self, layer: Layer, update: InPlace, batch_size: int, batches: int) -> None:
        self._layer, self._update = layer, update
        self._inputs = self._mixed = torch.empty(0)
        device = layer.weight.device
        # What batch j's products are mixed from: its Gram matrix with the earlier batches, and s^j times the identity.
        self._mixing = [
            torch.zeros(batch_size, (j + 1) * batch_size, dtype=layer.dtype, device=device) for j in range(batches)
        ]
        self._one = torch.eye(batch_size, dtype=layer.dtype, device=device)
        self._shrink = 0.0

    @override
    def begin(self, inputs: Tensor) -> None:
        if self._shrink != self._update.shrink:
            self._set_shrink(self._update.shrink)
        self._inputs = inputs
        # Row by row, the products with W_0; a batch's gradients replace its own as soon as they are known. So its true
        # products are one product, mixing times mixed, in which bias and activation cost nothing more.
        self._mixed = self._layer.product(inputs)

    @override
    def forward(self, number: int, rows: slice) -> Tensor:
        mixing = self._mixing[number][: rows.stop - rows.start, : rows.stop]
        if number:
            gram = linear(self._inputs[rows], self._inputs[: rows.start])
            torch.mul(gram, -(self._shrink**number), out=mixing[:, : rows.start])
        return self._layer.activated(mixing, self._mixed[: rows.stop].mT)

    @override
    def backward(self, number: int, rows: slice, gradient: Tensor) -> None:
        self._mixed[rows] = gradient if self._shrink == 1 else gradient / self._shrink ** (number + 1)
        self._layer.subtract_from_bias(gradient, self._shrink)

    @override
    def finish(self, batches: int) -> None:
        shrink = self._shrink**batches
        self._layer.subtract_from_weight(self._mixed, self._inputs, shrink, shrink)

    def _set_shrink(self, shrink: float) -> None:
        self._shrink = shrink
        for number, mixing in enumerate(self._mixing):
            mixing[:, -len(self._one) :] = self._one * shrink**number


class RecordedLazyFirstLayer(FirstLayer):
    """A lazy first layer for recorded steps without weight decay; its bias changes together with its weight.

    A bias is the weight of an input that is always one, so it adds one to each entry of the Gram matrix. Products with
    W_0 are corrected in place, in the form in which a GPU's product adds to what is there.

    Args:
        layer: the network's first layer.
        rows: the parameters change after this many rows, which are whole batches.
    """

    def __init__(self, layer: Layer, rows: int) -> None:
        self._layer, self._size = layer, rows
        self._inputs = self._block = self._mixed = self._gram = torch.empty(0)
        self._first = 0

    @override
    def begin(self, inputs: Tensor) -> None:
        self._inputs = inputs

    @override
    def forward(self, number: int, rows: slice) -> Tensor:
        del number
        if rows.start % self._size == 0:
            self._start(rows.start)
        first, last = rows.start - self._first, rows.stop - self._first
        product = self._mixed[first:last]
        if first:
            product.addmm_(self._gram[first:last, :first], self._mixed[:first], alpha=-1)
        return self._layer.activated_product(product)

    @override
    def backward(self, number: int, rows: slice, gradient: Tensor) -> None:
        del number
        first, last = rows.start - self._first, rows.stop - self._first
        self._mixed[first:last] = gradient
        if last == len(self._block):
            self._layer.subtract_from_weight(self._mixed, self._block)
            self._layer.subtract_from_bias(self._mixed)

    @override
    def finish(self, batches: int) -> None:
        """Do nothing: the block's last batch has changed the parameters."""

    def _start(self, first: int) -> None:
        self._first, self._block = first, self._inputs[first : first + self._size]
        self._mixed = self._layer.biased_product(self._block)
        self._gram = linear(self._block, self._block)
        if self._layer.bias is not None:
            self._gram.add_(1)
