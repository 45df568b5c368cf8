"""Optimizers: torch's own, with the plan's figures, held against the formulas."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from worker.training.optim.optimizers import build_optimizer, set_learning_rate
from worker.training.plan import OptimizerPlan

START = torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64)
GRADIENTS = [torch.tensor([0.3, -0.1, 2.0]).double(), torch.tensor([-0.2, 0.4, 1.0]).double()] * 2


def after_steps(plan: OptimizerPlan) -> Tensor:
    """The weights after all gradients."""
    weight = nn.Parameter(START.clone())
    optimizer = build_optimizer(plan, [weight])
    for gradient in GRADIENTS:
        weight.grad = gradient.clone()
        optimizer.step()
    return weight.detach()


@pytest.mark.parametrize("decay", [0.0, 0.1])
@pytest.mark.parametrize("momentum, nesterov", [(0.0, False), (0.9, False), (0.9, True)])
def test_sgd_is_its_formula(momentum: float, nesterov: bool, decay: float) -> None:
    """Plain, with momentum, and Nesterov's form (Sutskever et al., 2013, as PyTorch writes it)."""
    weight, velocity = START.clone(), torch.zeros(3).double()
    for number, raw in enumerate(GRADIENTS):
        gradient = raw + decay * weight
        velocity = momentum * velocity + gradient if number else gradient
        weight = weight - 0.1 * (gradient + momentum * velocity if nesterov else velocity if momentum else gradient)
    plan = OptimizerPlan("sgd", lr=0.1, momentum=momentum, nesterov=nesterov, weight_decay=decay)
    torch.testing.assert_close(after_steps(plan), weight)


@pytest.mark.parametrize("kind", ["adam", "adamw"])
def test_adam_is_its_formula(kind: str) -> None:
    """Kingma and Ba (2015); AdamW takes the decay off the weight instead (Loshchilov and Hutter, 2019)."""
    lr, decay, eps, (beta1, beta2) = 0.05, 0.1, 1e-6, (0.8, 0.95)
    weight, mean, square = START.clone(), torch.zeros(3).double(), torch.zeros(3).double()
    for step, raw in enumerate(GRADIENTS, start=1):
        gradient = raw + decay * weight if kind == "adam" else raw
        weight = weight if kind == "adam" else weight * (1 - lr * decay)
        mean = beta1 * mean + (1 - beta1) * gradient
        square = beta2 * square + (1 - beta2) * gradient**2
        weight = weight - lr * (mean / (1 - beta1**step)) / ((square / (1 - beta2**step)).sqrt() + eps)
    plan = OptimizerPlan(kind, lr=lr, weight_decay=decay, betas=(beta1, beta2), eps=eps)  # type: ignore[arg-type]
    torch.testing.assert_close(after_steps(plan), weight)


def test_the_learning_rate_can_be_changed() -> None:
    """A new rate holds from the next step on."""
    weight = nn.Parameter(START.clone())
    optimizer = build_optimizer(OptimizerPlan(lr=1.0), [weight])
    set_learning_rate(optimizer, 0.25)
    weight.grad = torch.ones(3).double()
    optimizer.step()
    assert torch.equal(weight.detach(), START - 0.25)
