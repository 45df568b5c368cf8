"""The running average of a network's weights, which is validated and stored in their place."""

from __future__ import annotations

from copy import deepcopy
from typing import Any, Protocol

import torch
from torch import nn
from torch.optim.swa_utils import get_ema_multi_avg_fn
from typing_extensions import override

from worker.training.plan import WeightAveragePlan


class Average(Protocol):
    """The average of a network's weights over its training steps, brought up to date after each step."""

    network: nn.Module
    """The network that is validated and stored: a copy with averaged weights, or the trained one itself."""

    def update(self) -> None:
        """Take the trained network's weights into the average, after each of its steps."""

    def state(self) -> dict[str, Any]:
        """Checkpoint state: what `restore` needs, as plain values and tensors."""

    def restore(self, state: dict[str, Any]) -> None:
        """Restore the average from what `state` returned."""


class NoAverage(Average):
    """Stands for an average where the plan has none: the trained network itself is validated and stored."""

    def __init__(self, network: nn.Module) -> None:
        self.network = network

    @override
    def update(self) -> None:
        """Do nothing: the network's weights are their own average."""

    @override
    def state(self) -> dict[str, Any]:
        return {}

    @override
    def restore(self, state: dict[str, Any]) -> None:
        """Do nothing: there is no state beside the network's own."""


class MovingAverage(Average):
    """An exponential moving average of parameters and of buffers, such as BatchNorm's, that hold fractions.

    The average starts as the untrained weights. After step t (from 1) it is d · average + (1 - d) · weights with
    d = min(decay, (1 + t) / (10 + t)): while steps are few, the first weights do not weigh on it for long. Integer
    buffers, which are counts, are copied.
    """

    def __init__(self, plan: WeightAveragePlan, network: nn.Module) -> None:
        self.network = deepcopy(network)
        self._decay, self._steps = plan.decay, 0
        # Taken once: weights are only ever changed in place, so these tensors stay those of both networks.
        pairs = list(zip(self.network.state_dict().values(), network.state_dict().values(), strict=True))
        self._fractions = [pair for pair in pairs if pair[0].is_floating_point()]
        self._counts = [pair for pair in pairs if not pair[0].is_floating_point()]

    @override
    def update(self) -> None:
        self._steps += 1
        self._mix()
        for average, count in self._counts:
            average.copy_(count)

    @override
    def state(self) -> dict[str, Any]:
        return {"network": self.network.state_dict(), "steps": self._steps}

    @override
    def restore(self, state: dict[str, Any]) -> None:
        self.network.load_state_dict(state["network"])
        self._steps = state["steps"]

    def _mix(self) -> None:
        decay = min(self._decay, (1 + self._steps) / (10 + self._steps))
        averages, weights = zip(*self._fractions, strict=True)
        get_ema_multi_avg_fn(decay)(averages, weights, None)  # type: ignore[no-untyped-call]


class RecordedMovingAverage(MovingAverage):
    """A moving average for recorded steps: its step count is a tensor, so that each replay of a graph counts."""

    def __init__(self, plan: WeightAveragePlan, network: nn.Module) -> None:
        super().__init__(plan, network)
        self._count = torch.zeros((), dtype=torch.int64, device=next(network.parameters()).device)

    @override
    def state(self) -> dict[str, Any]:
        return {"network": self.network.state_dict(), "steps": self._count}

    @override
    def restore(self, state: dict[str, Any]) -> None:
        self.network.load_state_dict(state["network"])
        self._count.copy_(state["steps"])

    def _mix(self) -> None:
        share = (9 / (self._count.add_(1) + 10)).clamp(min=1 - self._decay)  # 1 - d
        for average, weight in self._fractions:
            average.lerp_(weight, share.to(average.dtype))


def average_of(plan: WeightAveragePlan | None, network: nn.Module, *, recorded: bool = False) -> Average:
    """The average that the plan asks for.

    Args:
        plan: the average to compute; None for none.
        network: the network to be trained, already on its device and in its memory layout.
        recorded: whether the training steps are recorded in a CUDA graph.
    """
    if plan is None:
        return NoAverage(network)
    return RecordedMovingAverage(plan, network) if recorded else MovingAverage(plan, network)
