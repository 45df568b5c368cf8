"""Elementwise functions give what autograd gives."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from worker.training.engines.fused.activations import Activation, Dropout, pointwise
from worker.training.network.build import ACTIVATIONS


@pytest.mark.parametrize("kind", ACTIVATIONS)
def test_every_activation_of_the_networks(kind: str) -> None:
    """Values in training and evaluation, and gradients, to the last bit."""
    module = ACTIVATIONS[kind]()
    function = pointwise(module)
    assert isinstance(function, Activation)
    inputs = torch.randn(5, 7, requires_grad=True)
    gradient = torch.randn(5, 7)
    outputs = module(inputs)
    outputs.backward(gradient)
    with torch.no_grad():
        assert torch.equal(function.predict(inputs), outputs)
        assert torch.equal(function.forward(inputs), outputs)
        assert inputs.grad is not None
        assert torch.equal(function.backward(gradient.clone()), inputs.grad)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("p", [0.0, 0.3, 1.0])
def test_dropout_draws_what_torchs_does(p: float, dtype: torch.dtype) -> None:
    """The same elements fall, forward and backward, and the generator moves on as far."""
    inputs = torch.randn(33, 65).to(dtype).requires_grad_()
    gradient = torch.randn(33, 65).to(dtype)
    torch.manual_seed(1)
    outputs = nn.Dropout(p)(inputs)
    moved = torch.get_rng_state()
    outputs.backward(gradient)
    dropout = Dropout(p)
    torch.manual_seed(1)
    with torch.no_grad():
        assert torch.equal(dropout.forward(inputs), outputs)
        assert torch.equal(torch.get_rng_state(), moved)
        assert inputs.grad is not None
        assert torch.equal(dropout.backward(gradient.clone()), inputs.grad)
        assert torch.equal(dropout.predict(inputs), inputs)


def test_other_modules_are_no_functions() -> None:
    """What mixes elements is not elementwise."""
    assert pointwise(nn.Linear(2, 2)) is None
    assert pointwise(nn.Softmax(dim=1)) is None
