"""The running average of a network's weights, which is validated and kept in their place."""

from __future__ import annotations

from copy import deepcopy
from typing import Any, Protocol

import torch
from torch import nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

from worker.training.plan import WeightAveragePlan


class Average(Protocol):
    """Follows a network step by step."""

    network: nn.Module
    """What is validated and kept. Not the one that is trained, unless nothing is averaged."""

    def update(self) -> None:
        """The trained network has taken a step."""

    def state(self) -> dict[str, Any]:
        """Everything, to go on from."""

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from there."""


class NoAverage:
    """The trained network itself."""

    def __init__(self, network: nn.Module) -> None:
        self.network = network

    def update(self) -> None:
        """See `Average`."""

    def state(self) -> dict[str, Any]:
        """See `Average`: there is none."""
        return {}

    def restore(self, state: dict[str, Any]) -> None:
        """See `Average`."""


class MovingAverage:
    """An exponential moving average of parameters and of buffers, such as BatchNorm's, that hold fractions.

    It starts as the untrained weights. After step t (from 1) it is d · average + (1 - d) · weights with d =
    min(decay, (1 + t) / (10 + t)): while steps are few, the first weights do not weigh on it for long. Whole numbers,
    which are counts, are taken as they are.
    """

    def __init__(self, plan: WeightAveragePlan, network: nn.Module) -> None:
        self.network = deepcopy(network)
        self._decay, self._steps = plan.decay, 0
        # Views of what both networks hold, for good: weights are only ever changed in place.
        pairs = list(zip(self.network.state_dict().values(), network.state_dict().values(), strict=True))
        self._fractions = [pair for pair in pairs if pair[0].is_floating_point()]
        self._counts = [pair for pair in pairs if not pair[0].is_floating_point()]

    def update(self) -> None:
        """See `Average`."""
        self._steps += 1
        self._mix()
        for average, count in self._counts:
            average.copy_(count)

    def state(self) -> dict[str, Any]:
        """See `Average`."""
        return {"network": self.network.state_dict(), "steps": self._steps}

    def restore(self, state: dict[str, Any]) -> None:
        """See `Average`."""
        self.network.load_state_dict(state["network"])
        self._steps = state["steps"]

    def _mix(self) -> None:
        decay = min(self._decay, (1 + self._steps) / (10 + self._steps))
        averages, weights = zip(*self._fractions, strict=True)
        get_ema_multi_avg_fn(decay)(averages, weights, None)  # type: ignore[no-untyped-call]


class RecordedMovingAverage(MovingAverage):
    """The same, with the number of steps in a tensor: a recorded step counts anew each time it is played."""

    def __init__(self, plan: WeightAveragePlan, network: nn.Module) -> None:
        super().__init__(plan, network)
        self._count = torch.zeros((), dtype=torch.int64, device=next(network.parameters()).device)

    def state(self) -> dict[str, Any]:
        """See `Average`."""
        return {"network": self.network.state_dict(), "steps": self._count}

    def restore(self, state: dict[str, Any]) -> None:
        """See `Average`."""
        self.network.load_state_dict(state["network"])
        self._count.copy_(state["steps"])

    def _mix(self) -> None:
        share = (9 / (self._count.add_(1) + 10)).clamp(min=1 - self._decay)  # 1 - d
        for average, weight in self._fractions:
            average.lerp_(weight, share.to(average.dtype))


def average_of(plan: WeightAveragePlan | None, network: nn.Module, *, recorded: bool = False) -> Average:
    """The average that the plan asks for of this network, which is as it will be trained: its device, its layout."""
    if plan is None:
        return NoAverage(network)
    return RecordedMovingAverage(plan, network) if recorded else MovingAverage(plan, network)
