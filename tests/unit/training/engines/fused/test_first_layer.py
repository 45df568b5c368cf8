"""A first layer that changes once in a block is one that changes after each batch."""

from __future__ import annotations

import dataclasses
from itertools import pairwise

import pytest
import torch
from torch import Tensor, nn

from worker.training.engines.fused.first_layer import EagerFirstLayer, FirstLayer, LazyFirstLayer
from worker.training.engines.fused.layers import Layer
from worker.training.engines.fused.updates import InPlace
from worker.training.plan import SgdPlan

PLAN = SgdPlan(lr=0.1)


def layer(dtype: torch.dtype) -> Layer:
    """Five features in, four out."""
    torch.manual_seed(0)
    return Layer(nn.Linear(5, 4, dtype=dtype), dtype)


def work_through(first: FirstLayer, update: InPlace, blocks: list[Tensor], batch_size: int) -> list[Tensor]:
    """Outputs of every batch; gradients are made up from them, so that a mistake shows in all that follow."""
    outputs = []
    for lr, block in zip((0.1, 0.1, 0.05), blocks, strict=False):
        bounds = [*range(0, len(block), batch_size), len(block)]
        update.begin_block(torch.full((len(bounds) - 1,), lr, dtype=torch.float64))
        first.begin(block)
        for number, (start, stop) in enumerate(pairwise(bounds)):
            update.begin_step(number)
            outputs.append(first.forward(number, slice(start, stop)).clone())
            first.backward(number, slice(start, stop), lr * outputs[-1].sin())
        first.finish(len(bounds) - 1)
    return outputs


@pytest.mark.parametrize("weight_decay", [0.0, 0.5])
def test_lazy_is_eager(weight_decay: float) -> None:
    """Outputs, weights and biases agree in float64, over full blocks, a short block and a short batch."""
    plan = dataclasses.replace(PLAN, weight_decay=weight_decay)
    blocks = [torch.randn(rows, 5, dtype=torch.float64) for rows in (9, 9, 5)]
    eager, lazy = layer(torch.float64), layer(torch.float64)
    one, other = InPlace(plan), InPlace(plan)
    expected = work_through(EagerFirstLayer(eager, one), one, blocks, 3)
    got = work_through(LazyFirstLayer(lazy, other, batch_size=3, batches=3), other, blocks, 3)
    for left, right in zip(expected, got, strict=True):
        assert torch.allclose(left, right, rtol=1e-12, atol=1e-12)
    for left, right in zip(eager.parameters, lazy.parameters, strict=True):
        assert torch.allclose(left, right, rtol=1e-12, atol=1e-12)


def by_the_formula(weight: Tensor, batches: list[Tensor], lr: float, shrink: float) -> tuple[list[Tensor], Tensor]:
    """The reference: each batch's products from the block's first weight, and the weight after the block."""
    products: list[Tensor] = []
    gradients: list[Tensor] = []
    for j, inputs in enumerate(batches):
        product = shrink**j * inputs @ weight.mT
        for i, gradient in enumerate(gradients):
            product = product - shrink ** (j - i - 1) * (inputs @ batches[i].mT) @ gradient
        products.append(product)
        gradients.append(lr * product.sin())
    count = len(batches)
    after = shrink**count * weight
    for i, gradient in enumerate(gradients):
        after = after - shrink ** (count - i - 1) * gradient.mT @ batches[i]
    return products, after


@pytest.mark.parametrize("weight_decay", [0.0, 0.5])
@pytest.mark.parametrize("make", [EagerFirstLayer, LazyFirstLayer])
def test_both_are_the_formula(make: type[EagerFirstLayer | LazyFirstLayer], weight_decay: float) -> None:
    """Over a block whose last batch is short: the formula at the module's head is what both compute."""
    plain = Layer(nn.Linear(5, 4, bias=False, dtype=torch.float64), torch.float64)
    update = InPlace(dataclasses.replace(PLAN, weight_decay=weight_decay))
    block = torch.randn(8, 5, dtype=torch.float64)
    expected, after = by_the_formula(plain.weight.clone(), list(torch.split(block, 3)), 0.1, 1 - 0.1 * weight_decay)
    sizes = (3, 3) if make is LazyFirstLayer else ()
    outputs = work_through(make(plain, update, *sizes), update, [block], 3)
    for left, right in zip(outputs, expected, strict=True):
        assert torch.allclose(left, right, rtol=1e-12, atol=1e-12)
    assert torch.allclose(plain.weight, after, rtol=1e-12, atol=1e-12)
