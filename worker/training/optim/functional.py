"""torch's optimizers, by the functions behind them.

Their classes load torch's compiler at the first step, which takes seconds and 150 MB of every process and compiles
nothing here; the functions do the same arithmetic without it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn
from torch.optim.adam import adam
from torch.optim.adamw import adamw
from torch.optim.sgd import sgd

from worker.training.plan import OptimizerPlan

Rate: TypeAlias = float | Tensor
"""A step's learning rate: a number; or, where steps are recorded and played again, a scalar at a fixed address."""


class Optimizer:
    """SGD, Adam or AdamW in their fused form, which reads and writes everything once.

    What it keeps stays at the same addresses, so that its steps may be recorded and played again.

    Args:
        plan: which one.
        parameters: of what; those that are not trained are left alone.
    """

    def __init__(self, plan: OptimizerPlan, parameters: Iterable[nn.Parameter]) -> None:
        self._plan = plan
        self._lr: Rate = plan.lr
        self._parameters: list[Tensor] = [parameter for parameter in parameters if parameter.requires_grad]
        self._kept = {name: [torch.zeros_like(p) for p in self._parameters] for name in _averages(plan)}
        counted = () if plan.kind == "sgd" else self._parameters
        self._steps = [torch.zeros((), dtype=torch.float32, device=parameter.device) for parameter in counted]

    def set_learning_rate(self, lr: Rate) -> None:
        """From the next step on."""
        # The kernels of a GPU read it as fp32, whatever the weights are.
        self._lr = lr.float() if isinstance(lr, Tensor) and lr.is_cuda else lr

    def zero_grad(self) -> None:
        """Forget the gradients."""
        for parameter in self._parameters:
            parameter.grad = None

    @torch.no_grad()
    def step(self) -> None:
        """Take a step by the parameters' gradients."""
        gradients: list[Tensor] = [parameter.grad for parameter in self._parameters]  # type: ignore[misc]
        if self._plan.kind == "sgd":
            self._sgd(gradients)
        else:
            self._adam(gradients)

    def state(self) -> dict[str, Any]:
        """Everything, to go on from."""
        return {**self._kept, "steps": self._steps}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from there."""
        for name, tensors in self.state().items():
            for mine, kept in zip(tensors, state[name], strict=True):
                mine.copy_(kept)

    def _sgd(self, gradients: list[Tensor]) -> None:
        plan = self._plan
        sgd(
            self._parameters,
            gradients,
            list(self._kept.get("momentum", [None] * len(gradients))),
            fused=True,
            weight_decay=plan.weight_decay,
            momentum=plan.momentum,
            lr=self._lr,
            dampening=0.0,
            nesterov=plan.nesterov,
            maximize=False,
        )

    def _adam(self, gradients: list[Tensor]) -> None:
        plan = self._plan
        step = adam if plan.kind == "adam" else adamw
        step(
            self._parameters,
            gradients,
            self._kept["mean"],
            self._kept["square"],
            [],
            self._steps,
            fused=True,
            amsgrad=False,
            beta1=plan.betas[0],
            beta2=plan.betas[1],
            lr=self._lr,
            weight_decay=plan.weight_decay,
            eps=plan.eps,
            maximize=False,
        )


def _averages(plan: OptimizerPlan) -> tuple[str, ...]:
    """What is kept of the size of each parameter. Nought to begin with: torch's SGD starts from the first gradient."""
    if plan.kind == "sgd":
        return ("momentum",) if plan.momentum else ()
    return ("mean", "square")
