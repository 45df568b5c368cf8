"""Optimizers: torch's own, with the plan's figures, held against the formulas; and the engines' against torch's."""

from __future__ import annotations

import copy
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from worker.training.optim.optimizers import Optimizer, build_optimizer, set_learning_rate
from worker.training.plan import AdamPlan, AdamWPlan, NAdamPlan, OptimizerPlan, RmsPropPlan, SgdPlan

RATES = (0.1, 0.1, 0.03, 0.2)
PLANS = [
    SgdPlan(),
    SgdPlan(weight_decay=0.1),
    SgdPlan(momentum=0.9),
    SgdPlan(momentum=0.9, nesterov=True, weight_decay=0.1),
    AdamPlan(lr=0.01, betas=(0.8, 0.95), eps=1e-6),
    AdamPlan(lr=0.01, weight_decay=0.1),
    AdamWPlan(lr=0.01, weight_decay=0.1),
    RmsPropPlan(alpha=0.9, eps=1e-6, weight_decay=0.1),
    RmsPropPlan(momentum=0.9),
    RmsPropPlan(momentum=0.5, centered=True, weight_decay=0.1),
    NAdamPlan(betas=(0.8, 0.95), eps=1e-6, weight_decay=0.1),
    NAdamPlan(momentum_decay=0.1),
]
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
    plan = SgdPlan(lr=0.1, momentum=momentum, nesterov=nesterov, weight_decay=decay)
    torch.testing.assert_close(after_steps(plan), weight)


@pytest.mark.parametrize("kind", [AdamPlan, AdamWPlan])
def test_adam_is_its_formula(kind: type[AdamPlan | AdamWPlan]) -> None:
    """Kingma and Ba (2015); AdamW takes the decay off the weight instead (Loshchilov and Hutter, 2019)."""
    lr, decay, eps, (beta1, beta2) = 0.05, 0.1, 1e-6, (0.8, 0.95)
    weight, mean, square = START.clone(), torch.zeros(3).double(), torch.zeros(3).double()
    for step, raw in enumerate(GRADIENTS, start=1):
        gradient = raw + decay * weight if kind is AdamPlan else raw
        weight = weight if kind is AdamPlan else weight * (1 - lr * decay)
        mean = beta1 * mean + (1 - beta1) * gradient
        square = beta2 * square + (1 - beta2) * gradient**2
        weight = weight - lr * (mean / (1 - beta1**step)) / ((square / (1 - beta2**step)).sqrt() + eps)
    plan = kind(lr=lr, weight_decay=decay, betas=(beta1, beta2), eps=eps)
    torch.testing.assert_close(after_steps(plan), weight)


@pytest.mark.parametrize("decay", [0.0, 0.1])
@pytest.mark.parametrize("momentum, centered", [(0.0, False), (0.9, False), (0.9, True)])
def test_rmsprop_is_its_formula(momentum: float, centered: bool, decay: float) -> None:
    """Tieleman and Hinton (2012); the centered form divides by the deviation (Graves, 2013)."""
    lr, alpha, eps = 0.05, 0.8, 1e-6
    weight, square, mean, velocity = START.clone(), *torch.zeros(3, 3).double()
    for raw in GRADIENTS:
        gradient = raw + decay * weight
        square = alpha * square + (1 - alpha) * gradient**2
        mean = alpha * mean + (1 - alpha) * gradient
        velocity = momentum * velocity + gradient / ((square - mean**2 if centered else square).sqrt() + eps)
        weight = weight - lr * velocity
    options: dict[str, Any] = {"momentum": momentum, "centered": centered, "weight_decay": decay}
    torch.testing.assert_close(after_steps(RmsPropPlan(lr=lr, alpha=alpha, eps=eps, **options)), weight)


def test_nadam_is_its_formula() -> None:
    """Dozat (2016), with the momentum's warm-up as PyTorch has it."""
    lr, decay, eps, (beta1, beta2), slow = 0.05, 0.1, 1e-6, (0.8, 0.95), 0.1
    weight, mean, square, product = START.clone(), torch.zeros(3).double(), torch.zeros(3).double(), 1.0
    for step, raw in enumerate(GRADIENTS, start=1):
        gradient = raw + decay * weight
        mu, later = (beta1 * (1 - 0.5 * 0.96 ** (number * slow)) for number in (step, step + 1))
        product *= mu
        mean = beta1 * mean + (1 - beta1) * gradient
        square = beta2 * square + (1 - beta2) * gradient**2
        step_mean = later * mean / (1 - product * later) + (1 - mu) * gradient / (1 - product)
        weight = weight - lr * step_mean / ((square / (1 - beta2**step)).sqrt() + eps)
    plan = NAdamPlan(lr=lr, betas=(beta1, beta2), eps=eps, weight_decay=decay, momentum_decay=slow)
    torch.testing.assert_close(after_steps(plan), weight)


def test_the_learning_rate_can_be_changed() -> None:
    """A new rate holds from the next step on."""
    weight = nn.Parameter(START.clone())
    optimizer = build_optimizer(SgdPlan(lr=1.0), [weight])
    set_learning_rate(optimizer, 0.25)
    weight.grad = torch.ones(3).double()
    optimizer.step()
    assert torch.equal(weight.detach(), START - 0.25)


def _parameters() -> list[nn.Parameter]:
    torch.manual_seed(0)
    image_like = torch.randn(4, 3, 3, 3).to(memory_format=torch.channels_last)
    return [nn.Parameter(start) for start in (torch.randn(5, 7), torch.randn(5), image_like)]


def _gradients(number: int, parameters: list[nn.Parameter]) -> None:
    generator = torch.Generator().manual_seed(number)
    for parameter in parameters:
        drawn = torch.randn(parameter.shape, generator=generator)
        parameter.grad = torch.empty_like(parameter).copy_(drawn)


def _ours(plan: OptimizerPlan, restored_after: int | None = None) -> list[nn.Parameter]:
    parameters = _parameters()
    optimizer = Optimizer(plan, parameters)
    for number, rate in enumerate(RATES):
        if number == restored_after:
            state = copy.deepcopy(optimizer.state())
            optimizer = Optimizer(plan, parameters)
            optimizer.restore(state)
        _gradients(number, parameters)
        optimizer.set_learning_rate(rate)
        optimizer.step()
    return parameters


def _torchs(plan: OptimizerPlan) -> list[nn.Parameter]:
    parameters = _parameters()
    optimizer = build_optimizer(plan, parameters)
    for group in optimizer.param_groups:
        group.update({"fused": True} if "fused" in group else {})
    for number, rate in enumerate(RATES):
        _gradients(number, parameters)
        set_learning_rate(optimizer, rate)
        optimizer.step()
    return parameters


def _equal(some: list[nn.Parameter], others: list[nn.Parameter]) -> bool:
    return all(torch.equal(one, other) for one, other in zip(some, others, strict=True))


@pytest.mark.parametrize("plan", PLANS, ids=str)
class TestOptimizer:
    def test_steps_as_torchs_class_does(self, plan: OptimizerPlan) -> None:
        """To the last bit, whatever the rate of each step."""
        assert _equal(_ours(plan), _torchs(plan))

    def test_goes_on_from_its_state(self, plan: OptimizerPlan) -> None:
        """As if nothing had happened."""
        assert _equal(_ours(plan, restored_after=2), _ours(plan))


def test_what_is_not_trained_is_left_alone() -> None:
    """It needs no gradient."""
    trained, fixed = nn.Parameter(torch.ones(2)), nn.Parameter(torch.ones(2), requires_grad=False)
    optimizer = Optimizer(SgdPlan(lr=1.0, momentum=0.9, weight_decay=0.5), [trained, fixed])
    trained.grad = torch.ones(2)
    optimizer.step()
    assert (trained.tolist(), fixed.tolist()) == ([-0.5, -0.5], [1.0, 1.0])


@pytest.mark.parametrize("plan", PLANS, ids=str)
def test_a_recorded_rate_is_a_tensor(plan: OptimizerPlan) -> None:
    """Steps by a scalar at a fixed address are steps by its value."""
    with_number, with_tensor = _parameters(), _parameters()
    for parameters, rate in ((with_number, 0.1), (with_tensor, torch.tensor(0.1, dtype=torch.float64))):
        optimizer = Optimizer(plan, parameters)
        _gradients(0, parameters)
        optimizer.set_learning_rate(rate)
        optimizer.step()
    for one, other in zip(with_number, with_tensor, strict=True):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize("plan", PLANS, ids=str)
def test_what_it_keeps_stays_where_it_is(plan: OptimizerPlan) -> None:
    """A recorded step goes on with a restored state."""
    optimizer = Optimizer(plan, _parameters())
    before = [tensor.data_ptr() for tensor in _tensors(optimizer.state())]
    optimizer.restore(copy.deepcopy(optimizer.state()))
    assert [tensor.data_ptr() for tensor in _tensors(optimizer.state())] == before


def _tensors(state: dict[str, list[Tensor]]) -> list[Tensor]:
    return [tensor for tensors in state.values() for tensor in tensors]


def test_a_job_loads_no_compiler(tmp_path: Path) -> None:
    """torch's compiler is large, slow to load, and compiles nothing here."""
    code = """
import sys, torch
from pathlib import Path
from typing import Any
from worker.training.data import load
from worker.training.plan import AdamPlan, DatasetPlan, MlpPlan, TrainingPlan
from worker.training.trainer import train
few = DatasetPlan("synthetic", ("airplane", "bird"), train_per_class=4, val_per_class=2)
data = load(few, Path(), Path(sys.argv[1]))
for engine in ("fused", "resident"):
    plan = TrainingPlan(few, MlpPlan((4,)), epochs=1, optimizer=AdamPlan(), engine=engine)
    train(plan, data, torch.device("cpu"), on_epoch=lambda _: None, check=lambda: None)
print("torch._dynamo" in sys.modules)
"""
    command = [sys.executable, "-c", code, str(tmp_path)]
    assert subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip() == "False"
