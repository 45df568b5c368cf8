"""The engines' optimizer against torch's own classes."""

from __future__ import annotations

import copy
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from worker.training.optim.functional import Optimizer
from worker.training.plan import OptimizerPlan

RATES = (0.1, 0.1, 0.03, 0.2)
PLANS = [
    OptimizerPlan("sgd"),
    OptimizerPlan("sgd", weight_decay=0.1),
    OptimizerPlan("sgd", momentum=0.9),
    OptimizerPlan("sgd", momentum=0.9, nesterov=True, weight_decay=0.1),
    OptimizerPlan("adam", betas=(0.8, 0.95), eps=1e-6),
    OptimizerPlan("adam", weight_decay=0.1),
    OptimizerPlan("adamw", weight_decay=0.1),
]


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
    told: dict[str, Any] = {"lr": 1.0, "weight_decay": plan.weight_decay, "fused": True}
    if plan.kind == "sgd":
        optimizer: torch.optim.Optimizer = torch.optim.SGD(
            parameters, momentum=plan.momentum, nesterov=plan.nesterov, **told
        )
    else:
        kind = torch.optim.Adam if plan.kind == "adam" else torch.optim.AdamW
        optimizer = kind(parameters, betas=plan.betas, eps=plan.eps, **told)
    for number, rate in enumerate(RATES):
        _gradients(number, parameters)
        optimizer.param_groups[0]["lr"] = rate
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
    optimizer = Optimizer(OptimizerPlan("sgd", lr=1.0, momentum=0.9, weight_decay=0.5), [trained, fixed])
    trained.grad = torch.ones(2)
    optimizer.step()
    assert (trained.tolist(), fixed.tolist()) == ([-0.5, -0.5], [1.0, 1.0])


def test_what_it_keeps_stays_where_it_is() -> None:
    """A recorded step goes on with a restored state."""
    optimizer = Optimizer(OptimizerPlan("adam"), _parameters())
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
from worker.training.data import load
from worker.training.plan import DatasetPlan, MlpPlan, OptimizerPlan, TrainingPlan
from worker.training.trainer import train
few = DatasetPlan("synthetic", ("airplane", "bird"), train_per_class=4, val_per_class=2)
data = load(few, Path(), Path(sys.argv[1]))
for engine in ("fused", "resident"):
    plan = TrainingPlan(few, MlpPlan((4,)), epochs=1, optimizer=OptimizerPlan("adam"), engine=engine)
    train(plan, data, torch.device("cpu"), on_epoch=lambda _: None, check=lambda: None)
print("torch._dynamo" in sys.modules)
"""
    command = [sys.executable, "-c", code, str(tmp_path)]
    assert subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip() == "False"
