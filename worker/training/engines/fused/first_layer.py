"""The first layer in a block of batches: changed after every batch, or once for the whole block.

Its inputs are data, known beforehand. Within a block, the weight before batch j is W_j = W_0 - lr Σ_{i<j} D_iᵀ X_i,
where D_i are the gradients by the layer's products. So batch j's products are

    X_j W_jᵀ = X_j W_0ᵀ - lr Σ_{i<j} (X_j X_iᵀ) D_i:

one product of the whole block with W_0, and small corrections through the block's Gram matrix. Exact up to rounding;
the weight, megabytes that no cache near a core holds, is read twice and written once in a block instead of in a step.
Weight decay shrinks by s in each step: all of this then holds for W_j / s^j and D_i / s^(i+1). (`updates.InPlace` makes
lr a part of the gradients from the start, so it may change from batch to batch; s may not.)

`LazyFirstLayer` does it in place. Of a block's rows it keeps one matrix, `mixed`: those of the batches that are done
hold their gradients, those of the others their products with W_0. What batch 2 of a block needs is one product then:

                batch 0          batch 1        batch 2
    mixing   [ -s² X_2 X_0ᵀ  |  -s² X_2 X_1ᵀ |  s² identity ]
    mixed    [  D_0 / s      |   D_1 / s²    |  X_2 W_0ᵀ    ]ᵀ    mixing · mixed = X_2 W_2ᵀ

It is worth its length: an epoch of 3072-1024-512-128-2 takes 1.3 times as long without it in bf16, and 1.1 times in
fp32 (one core with AVX-512). The test beside it has the same in ten lines that move nothing.
"""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

from worker.training.engines.fused.layers import Layer
from worker.training.engines.fused.products import linear
from worker.training.engines.fused.updates import InPlace, Update


class FirstLayer(Protocol):
    """Works through one block at a time: `begin`, then `forward` and `backward` for each batch, then `finish`."""

    def begin(self, inputs: Tensor) -> None:
        """Take the inputs (N, I) of the whole block."""

    def forward(self, number: int, rows: slice) -> Tensor:
        """The layer's outputs for the block's batch of this number (from 0), which has these rows."""

    def backward(self, number: int, rows: slice, gradient: Tensor) -> None:
        """Take that batch's gradient by the layer's products (N, O)."""

    def finish(self, batches: int) -> None:
        """The block of so many batches is over: leave the weights as they should be then."""


class EagerFirstLayer:
    """Like every other layer: its weights change after each batch."""

    def __init__(self, layer: Layer, update: Update) -> None:
        self._layer, self._update = layer, update
        self._inputs = torch.empty(0)

    def begin(self, inputs: Tensor) -> None:
        """See `FirstLayer`."""
        self._inputs = inputs

    def forward(self, number: int, rows: slice) -> Tensor:
        """See `FirstLayer`."""
        del number
        return self._layer.forward(self._inputs[rows])

    def backward(self, number: int, rows: slice, gradient: Tensor) -> None:
        """See `FirstLayer`."""
        del number
        self._update.layer(self._layer, gradient, self._inputs[rows])

    def finish(self, batches: int) -> None:
        """See `FirstLayer`."""


class LazyFirstLayer:
    """Its weight changes once in a block, its bias after each batch.

    Args:
        layer: the network's first.
        update: plain SGD: the formula above is its own. It shrinks by the same in all steps of a block.
        batch_size: rows in a batch; the last one may have fewer.
        batches: in a block, at most.
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

    def begin(self, inputs: Tensor) -> None:
        """See `FirstLayer`."""
        if self._shrink != self._update.shrink:
            self._set_shrink(self._update.shrink)
        self._inputs = inputs
        # Row by row, the products with W_0; a batch's gradients replace its own as soon as they are known. So its true
        # products are one product, mixing times mixed, in which bias and activation cost nothing more.
        self._mixed = self._layer.product(inputs)

    def forward(self, number: int, rows: slice) -> Tensor:
        """See `FirstLayer`."""
        mixing = self._mixing[number][: rows.stop - rows.start, : rows.stop]
        if number:
            gram = linear(self._inputs[rows], self._inputs[: rows.start])
            torch.mul(gram, -(self._shrink**number), out=mixing[:, : rows.start])
        return self._layer.activated(mixing, self._mixed[: rows.stop].mT)

    def backward(self, number: int, rows: slice, gradient: Tensor) -> None:
        """See `FirstLayer`."""
        self._mixed[rows] = gradient if self._shrink == 1 else gradient / self._shrink ** (number + 1)
        self._layer.subtract_from_bias(gradient, self._shrink)

    def finish(self, batches: int) -> None:
        """See `FirstLayer`."""
        shrink = self._shrink**batches
        self._layer.subtract_from_weight(self._mixed, self._inputs, shrink, shrink)

    def _set_shrink(self, shrink: float) -> None:
        self._shrink = shrink
        for number, mixing in enumerate(self._mixing):
            mixing[:, -len(self._one) :] = self._one * shrink**number


class RecordedLazyFirstLayer:
    """The same where steps are recorded and weights do not decay; its bias changes with its weight.

    A bias is the weight of an input that is always one, so it adds one to each entry of the Gram matrix. Products with
    W_0 are corrected in place, in the form in which a GPU's product adds to what is there.

    Args:
        layer: the network's first.
        rows: after so many, which are whole batches, its parameters change.
    """

    def __init__(self, layer: Layer, rows: int) -> None:
        self._layer, self._size = layer, rows
        self._inputs = self._block = self._mixed = self._gram = torch.empty(0)
        self._first = 0

    def begin(self, inputs: Tensor) -> None:
        """See `FirstLayer`."""
        self._inputs = inputs

    def forward(self, number: int, rows: slice) -> Tensor:
        """See `FirstLayer`."""
        del number
        if rows.start % self._size == 0:
            self._start(rows.start)
        first, last = rows.start - self._first, rows.stop - self._first
        product = self._mixed[first:last]
        if first:
            product.addmm_(self._gram[first:last, :first], self._mixed[:first], alpha=-1)
        return self._layer.activated_product(product)

    def backward(self, number: int, rows: slice, gradient: Tensor) -> None:
        """See `FirstLayer`."""
        del number
        first, last = rows.start - self._first, rows.stop - self._first
        self._mixed[first:last] = gradient
        if last == len(self._block):
            self._layer.subtract_from_weight(self._mixed, self._block)
            self._layer.subtract_from_bias(self._mixed)

    def finish(self, batches: int) -> None:
        """See `FirstLayer`: the block's last batch has changed the parameters."""

    def _start(self, first: int) -> None:
        self._first, self._block = first, self._inputs[first : first + self._size]
        self._mixed = self._layer.biased_product(self._block)
        self._gram = linear(self._block, self._block)
        if self._layer.bias is not None:
            self._gram.add_(1)
