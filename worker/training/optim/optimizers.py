"""torch's optimizers: its classes for the reference, and the functions behind them for the other engines.

The classes load torch's compiler at the first step, which takes seconds and 150 MB of every process and compiles
nothing here; the functions do the same arithmetic without it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeAlias, assert_never

import torch
from torch import Tensor, nn
from torch.optim.adam import adam
from torch.optim.adamw import adamw
from torch.optim.nadam import nadam
from torch.optim.rmsprop import rmsprop
from torch.optim.sgd import sgd

from worker.training.plan import AdamPlan, AdamWPlan, NAdamPlan, OptimizerPlan, RmsPropPlan, SgdPlan

Rate: TypeAlias = float | Tensor
"""A step's learning rate: a number; where steps are recorded in a CUDA graph, a scalar tensor at a fixed address."""


def build_optimizer(plan: OptimizerPlan, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
    """The class of `torch.optim` that the plan names, over these parameters."""
    common: dict[str, Any] = {"lr": plan.lr, "weight_decay": plan.weight_decay}
    match plan:
        case SgdPlan():
            return torch.optim.SGD(parameters, momentum=plan.momentum, nesterov=plan.nesterov, **common)
        case AdamPlan():
            return torch.optim.Adam(parameters, betas=plan.betas, eps=plan.eps, **common)
        case AdamWPlan():
            return torch.optim.AdamW(parameters, betas=plan.betas, eps=plan.eps, **common)
        case RmsPropPlan():
            common |= {"alpha": plan.alpha, "momentum": plan.momentum, "centered": plan.centered}
            return torch.optim.RMSprop(parameters, eps=plan.eps, **common)
        case NAdamPlan():
            common |= {"betas": plan.betas, "momentum_decay": plan.momentum_decay}
            return torch.optim.NAdam(parameters, eps=plan.eps, **common)
        case _:
            assert_never(plan)


def set_learning_rate(optimizer: torch.optim.Optimizer, lr: float | Tensor) -> None:
    """Use this learning rate for all parameters from the next step on."""
    for group in optimizer.param_groups:
        group["lr"] = lr


_ORDER = {
    "square": ("exp_avg_sq", "square_avg"),
    "mean": ("exp_avg", "grad_avg"),
    "momentum": ("momentum_buffer",),
}
"""Names of `Optimizer`'s buffers, each with those that classes of `torch.optim` give to the same."""


def buffers_of(optimizer: torch.optim.Optimizer) -> list[Tensor]:
    """The buffers that the optimizer has of each parameter's shape, name by name, as `Optimizer.buffers`."""
    states = [optimizer.state[one] for group in optimizer.param_groups for one in group["params"] if one.requires_grad]
    return [state[name] for names in _ORDER.values() for name in names for state in states if name in state]


def has_fused_step(plan: OptimizerPlan) -> bool:
    """Whether torch takes the plan's step in one kernel, which reads and writes all once."""
    return isinstance(plan, SgdPlan | AdamPlan | AdamWPlan)


class Optimizer:
    """The plan's optimizer by torch's functions, in their fused form where there is one: it reads and writes all once.

    The state's tensors stay at the same addresses, so that steps can be recorded in a CUDA graph.

    Args:
        plan: the kind of optimizer and its options.
        parameters: the parameters to update; those that require no gradient are left alone.
    """

    def __init__(self, plan: OptimizerPlan, parameters: Iterable[nn.Parameter]) -> None:
        self._plan = plan
        self._lr: Rate = plan.lr
        self._parameters: list[Tensor] = [parameter for parameter in parameters if parameter.requires_grad]
        self._buffers = {name: [_initial(name, p) for p in self._parameters] for name in _buffers(plan)}
        counted = () if isinstance(plan, SgdPlan) else self._parameters
        # On a GPU NAdam's coefficients are worked out from the count, there, and in fp32 they are wrong by 1e-5.
        exact = torch.float64 if isinstance(plan, NAdamPlan) else torch.float32
        self._steps = [torch.zeros((), dtype=exact, device=parameter.device) for parameter in counted]

    def set_learning_rate(self, lr: Rate) -> None:
        """Use this learning rate for all parameters from the next step on."""
        # A GPU's kernels read the rate as fp32, whatever the weights' type.
        self._lr = lr.float() if isinstance(lr, Tensor) and lr.is_cuda else lr

    def zero_grad(self) -> None:
        """Drop the gradients of all parameters."""
        for parameter in self._parameters:
            parameter.grad = None

    @torch.no_grad()
    def step(self) -> None:
        """Take a step by the parameters' gradients."""
        gradients: list[Tensor] = [parameter.grad for parameter in self._parameters]  # type: ignore[misc]
        match self._plan:
            case SgdPlan() as plan:
                self._sgd(plan, gradients)
            case AdamPlan() | AdamWPlan() as plan:
                self._adam(plan, gradients)
            case RmsPropPlan() as plan:
                self._rmsprop(plan, gradients)
            case NAdamPlan() as plan:
                self._nadam(plan, gradients)
            case plan:
                assert_never(plan)

    def count_step(self) -> None:
        """Begin a step that `step_rows` takes, part by part."""
        if self._steps:
            torch._foreach_add_(self._steps, 1)

    @torch.no_grad()
    def step_rows(self, number: int, rows: slice, gradient: Tensor) -> None:
        """Take the step for some rows of parameter `number`, by the gradient of these rows.

        For plans with a fused step, on a CPU. The bits are those of `step`, whose kernel this is, for rows that begin
        at a whole number of its lanes.
        """
        parameter = self._parameters[number][rows]
        buffers = {name: [tensors[number][rows]] for name, tensors in self._buffers.items()}
        match self._plan:
            case SgdPlan() as plan:
                torch._fused_sgd_(
                    [parameter],
                    [gradient],
                    buffers.get("momentum", []),
                    weight_decay=plan.weight_decay,
                    momentum=plan.momentum,
                    lr=self._lr,
                    dampening=0.0,
                    nesterov=plan.nesterov,
                    maximize=False,
                    is_first_step=False,
                )
            case AdamPlan() | AdamWPlan() as plan:
                step = torch._fused_adam_ if isinstance(plan, AdamPlan) else torch._fused_adamw_
                step(
                    [parameter],
                    [gradient],
                    buffers["mean"],
                    buffers["square"],
                    [],
                    [self._steps[number]],
                    amsgrad=False,
                    lr=self._lr,
                    beta1=plan.betas[0],
                    beta2=plan.betas[1],
                    weight_decay=plan.weight_decay,
                    eps=plan.eps,
                    maximize=False,
                )
            case RmsPropPlan() | NAdamPlan():  # without a fused step in torch: no engine takes theirs by rows
                raise NotImplementedError
            case plan:
                assert_never(plan)

    def buffers(self) -> list[Tensor]:
        """The buffers of each parameter's shape, name by name; counts, and what follows from them, are left out."""
        return [one for name in _ORDER for one in self._buffers.get(name, ())]

    def state(self) -> dict[str, Any]:
        """Checkpoint state: each buffer and the step counts, a tensor for each parameter."""
        return {**self._buffers, "steps": self._steps}

    def restore(self, state: dict[str, Any]) -> None:
        """Restore the buffers and step counts, in place, from what `state` returned."""
        for name, tensors in self.state().items():
            for own, restored in zip(tensors, state[name], strict=True):
                own.copy_(restored)

    def _sgd(self, plan: SgdPlan, gradients: list[Tensor]) -> None:
        sgd(
            self._parameters,
            gradients,
            list(self._buffers.get("momentum", [None] * len(gradients))),
            fused=True,
            weight_decay=plan.weight_decay,
            momentum=plan.momentum,
            lr=self._lr,
            dampening=0.0,
            nesterov=plan.nesterov,
            maximize=False,
        )

    def _adam(self, plan: AdamPlan | AdamWPlan, gradients: list[Tensor]) -> None:
        step = adam if isinstance(plan, AdamPlan) else adamw
        step(
            self._parameters,
            gradients,
            self._buffers["mean"],
            self._buffers["square"],
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

    def _rmsprop(self, plan: RmsPropPlan, gradients: list[Tensor]) -> None:
        rmsprop(
            self._parameters,
            gradients,
            self._buffers["square"],
            self._buffers.get("mean", []),
            self._buffers.get("momentum", []),
            self._steps,
            alpha=plan.alpha,
            momentum=plan.momentum,
            centered=plan.centered,
            weight_decay=plan.weight_decay,
            eps=plan.eps,
            **self._unfused(),
        )

    def _nadam(self, plan: NAdamPlan, gradients: list[Tensor]) -> None:
        nadam(
            self._parameters,
            gradients,
            self._buffers["mean"],
            self._buffers["square"],
            self._buffers["product"],
            self._steps,
            beta1=plan.betas[0],
            beta2=plan.betas[1],
            momentum_decay=plan.momentum_decay,
            weight_decay=plan.weight_decay,
            eps=plan.eps,
            **self._unfused(),
        )

    def _unfused(self) -> dict[str, Any]:
        """Options of a torch function without a fused form: the learning rate, and on a GPU no read-back to the host.

        On a CPU, where torch takes the rate as a number only, no step is ever recorded in a graph.
        """
        on_gpu = any(parameter.is_cuda for parameter in self._parameters)
        return {"lr": self._lr if on_gpu else float(self._lr), "foreach": on_gpu, "capturable": on_gpu}


def _buffers(plan: OptimizerPlan) -> tuple[str, ...]:
    """Names of the buffers that the optimizer has for each parameter."""
    match plan:
        case SgdPlan():
            return ("momentum",) if plan.momentum else ()
        case AdamPlan() | AdamWPlan():
            return "mean", "square"
        case RmsPropPlan():
            return "square", *(("mean",) if plan.centered else ()), *(("momentum",) if plan.momentum else ())
        case NAdamPlan():
            return "mean", "square", "product"
        case _:
            assert_never(plan)


def _initial(name: str, parameter: Tensor) -> Tensor:
    """A buffer before the first step: zeros, as torch's SGD starts from the first gradient; a product begins at one."""
    if name == "product":
        return torch.ones((), dtype=torch.float64, device=parameter.device)
    return torch.zeros_like(parameter)
