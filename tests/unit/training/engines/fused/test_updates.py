"""Steps of a few rows at a time change nothing but how long they take."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from torch import nn

from worker.training.engines.fused import products
from worker.training.engines.fused.layers import Layer
from worker.training.engines.fused.updates import ByOptimizer, ByRows, rates_for, update_of
from worker.training.plan import AdamPlan, AdamWPlan, NAdamPlan, OptimizerPlan, RmsPropPlan, SgdPlan

OPTIMIZERS: dict[str, OptimizerPlan] = {
    "momentum": SgdPlan(lr=0.1, momentum=0.9),
    "nesterov": SgdPlan(lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.01),
    "adam": AdamPlan(lr=0.01, weight_decay=0.01),
    "adamw": AdamWPlan(lr=0.01, weight_decay=0.1),
}
WIDTHS = {"whole lanes": (96, 64, 32, 2), "odd": (75, 61, 33, 3)}
RATES = [0.1, 0.05, 0.02]


def linear_layers(widths: tuple[int, ...], dtype: torch.dtype) -> list[Layer]:
    """Linear layers of these widths, the second one without a bias."""
    torch.manual_seed(0)
    pairs = enumerate(pairwise(widths))
    return [Layer(nn.Linear(before, after, bias=number != 1), dtype) for number, (before, after) in pairs]


def trained(update: ByOptimizer, layers: list[Layer], dtype: torch.dtype) -> list[torch.Tensor]:
    """Parameters, their copies and the optimizer's state after a few steps by the same random gradients."""
    torch.manual_seed(1)
    update.begin_block(rates_for(RATES, torch.device("cpu"), recorded=False))
    for number in range(len(RATES)):
        update.begin_step(number)
        for layer in reversed(layers):
            outputs, inputs = layer.weight.shape
            update.layer(layer, torch.randn(24, outputs).to(dtype), torch.randn(24, inputs).to(dtype))
        update.finish()
    state = [one for tensors in update.state().values() for one in tensors]
    copies = [layer.product(torch.eye(layer.weight.shape[1], dtype=dtype)) for layer in layers]
    return [parameter for layer in layers for parameter in layer.parameters] + state + copies


@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("widths", WIDTHS)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_rows_have_the_bits_of_whole_steps(
    optimizer: str, widths: str, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Weights, their copies in the type of products, and buffers are those of one call for everything."""
    plan = OPTIMIZERS[optimizer]
    monkeypatch.setattr(products, "_PIECE", 1024)
    results = []
    for make in (ByRows, lambda plan, layers: ByOptimizer(plan, layers, recorded=False)):
        layers = linear_layers(WIDTHS[widths], dtype)
        results.append(trained(make(plan, layers), layers, dtype))
    assert all(torch.equal(one, other) for one, other in zip(*results, strict=True))


@pytest.mark.parametrize("plan", [RmsPropPlan(), NAdamPlan()], ids=lambda plan: plan.kind)
def test_optimizers_without_a_fused_step_take_it_whole(plan: OptimizerPlan) -> None:
    """torch has no kernel of theirs that a part of a parameter could be given to."""
    layers = linear_layers((8, 2), torch.float32)
    assert type(update_of(plan, layers, recorded=False)) is ByOptimizer
