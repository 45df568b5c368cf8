"""Elementwise functions give what autograd gives."""

from __future__ import annotations

from typing import get_args

import pytest
import torch
from torch import nn

from worker.training.engines.fused.activations import Activation, Dropout, pointwise
from worker.training.engines.fused.layers import layers_of
from worker.training.errors import InvalidPlan
from worker.training.network.build import activation
from worker.training.plan import ActivationName


@pytest.mark.parametrize("kind", get_args(ActivationName))
def test_every_activation_of_the_networks(kind: ActivationName) -> None:
    """Values in training and evaluation, and gradients, to the last bit."""
    module = activation(kind)
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


@pytest.mark.parametrize("module", [nn.Linear(2, 2), nn.Softmax(dim=1), nn.Hardtanh()], ids=str)
def test_other_modules_are_refused(module: nn.Module) -> None:
    """What is not known as elementwise is never taken for it, nor left out."""
    with pytest.raises(InvalidPlan, match=type(module).__name__):
        pointwise(module)


def test_a_module_that_is_not_known_is_never_left_out() -> None:
    """A network with one is refused: without it, another network would be trained."""
    network = nn.Sequential(nn.Flatten(), nn.Linear(4, 3), nn.Softplus(), nn.Linear(3, 2))
    with pytest.raises(InvalidPlan, match="Softplus"):
        layers_of(network, torch.float32)
    del network[2]
    assert len(layers_of(network, torch.float32)) == 2
