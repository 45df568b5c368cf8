"""The best epoch and its weights, and the decision to stop early."""

from __future__ import annotations

from typing import Any, assert_never

import torch
from torch import Tensor, nn

from worker.training.plan import EarlyStoppingPlan, Monitor
from worker.training.results import EpochResult, Weights


def copy_weights(network: nn.Module) -> Weights:
    """Parameters and buffers by name, copied to the CPU."""
    return on_cpu(network.state_dict(), copy=True)


def on_cpu(weights: Weights, *, copy: bool = False) -> Weights:
    """Weights by name on the CPU, contiguous; copied, if asked for, even where they already are."""
    order = torch.contiguous_format
    return {name: value.detach().to("cpu", copy=copy, memory_format=order) for name, value in weights.items()}


class Best:
    """The epoch with the highest validation accuracy, the earliest of equals, with its weights and scores.

    The weights stay on their device: fetching megabytes from a GPU whenever an epoch is the best so far would take
    longer than the epoch.
    """

    def __init__(self) -> None:
        self.epoch = 0
        self.accuracy = -1.0
        self.weights: Weights = {}
        self.scores: Tensor | None = None

    def update(self, result: EpochResult, network: nn.Module, scores: Tensor) -> None:
        """Store this epoch's weights and validation scores if it is the best so far."""
        if result.val_accuracy > self.accuracy:
            self.epoch, self.accuracy = result.epoch, result.val_accuracy
            self.weights, self.scores = _copied(network.state_dict(), self.weights), scores

    def state(self) -> dict[str, Any]:
        """Checkpoint state: the best epoch, its accuracy, weights and scores."""
        return vars(self).copy()

    def restore(self, state: dict[str, Any]) -> None:
        """Restore the best epoch from what `state` returned."""
        vars(self).update(state)


def _copied(weights: Weights, before: Weights) -> Weights:
    """A copy of the weights; where `before` is on the same GPU, in its memory."""
    if any(value.device.type == "cpu" for value in weights.values()):
        return on_cpu(weights, copy=True)
    if not before or any(value.device.type == "cpu" for value in before.values()):
        return {name: value.detach().clone() for name, value in weights.items()}
    with torch.no_grad():
        torch._foreach_copy_([*before.values()], [weights[name].detach() for name in before])
    return before


class EarlyStopping:
    """Finds out when the monitored figure has not improved for `patience` epochs; never, without a plan."""

    def __init__(self, plan: EarlyStoppingPlan | None) -> None:
        self._plan = plan
        self._best: float | None = None
        self._waited = 0

    def update(self, result: EpochResult) -> bool:
        """Take an epoch's figures into account; true means that the run should stop."""
        if self._plan is None:
            return False
        value = _monitored(result, self._plan.monitor)
        if self._best is None or value > self._best + self._plan.min_delta:
            self._best, self._waited = value, 0
        else:
            self._waited += 1
        return self._waited >= self._plan.patience

    def state(self) -> dict[str, Any]:
        """Checkpoint state: the best figure, and the epochs since."""
        return {"best": self._best, "waited": self._waited}

    def restore(self, state: dict[str, Any]) -> None:
        """Restore the best figure, and the epochs since, from what `state` returned."""
        self._best, self._waited = state["best"], state["waited"]


def _monitored(result: EpochResult, monitor: Monitor) -> float:
    """The monitored figure of an epoch, negated where less is better."""
    match monitor:
        case "val_accuracy":
            return result.val_accuracy
        case "val_loss":
            return -result.val_loss
        case "train_loss":
            return -result.train_loss
        case _:
            assert_never(monitor)
