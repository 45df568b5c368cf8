"""The best epoch, and stopping early."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from worker.training.plan import EarlyStoppingPlan, Monitor
from worker.training.results import EpochResult
from worker.training.state.selection import Best, EarlyStopping


def epoch(number: int, **figures: float) -> EpochResult:
    """An epoch with these figures."""
    zero = dict.fromkeys(EpochResult.__annotations__, 0.0)
    return EpochResult(**{**zero, **figures, "epoch": number})  # type: ignore[arg-type]


def test_the_earliest_of_equals_is_the_best() -> None:
    """A later epoch has to be better, not as good."""
    best, network = Best(), nn.Linear(1, 1)
    for number, accuracy in enumerate([0.5, 0.75, 0.7, 0.75], start=1):
        best.update(epoch(number, val_accuracy=accuracy), network, torch.tensor(float(number)))
    assert (best.epoch, best.accuracy) == (2, 0.75)
    assert best.scores is not None
    assert best.scores.item() == 2.0


def test_an_accuracy_of_zero_can_be_the_best() -> None:
    """Even a run that gets everything wrong has a best epoch."""
    best = Best()
    best.update(epoch(1, val_accuracy=0.0), nn.Linear(1, 1), torch.zeros(1))
    assert best.epoch == 1


def test_the_best_weights_are_a_copy() -> None:
    """Later steps do not reach the weights that were kept."""
    best, network = Best(), nn.Linear(1, 1)
    best.update(epoch(1, val_accuracy=0.5), network, torch.zeros(1))
    kept = best.weights["weight"].clone()
    with torch.no_grad():
        network.weight.add_(1)
    assert torch.equal(best.weights["weight"], kept)


@pytest.mark.parametrize(
    "monitor, values, stops_at",
    [
        ("val_loss", [3, 2, 2, 1.95, 1], 4),
        ("train_loss", [3, 2, 1.5, 1.2, 1.2, 1.2], 6),
        ("val_accuracy", [0.1, 0.5, 0.5, 0.55, 0.9], 4),
    ],
)
def test_it_stops_after_waiting(monitor: Monitor, values: list[float], stops_at: int) -> None:
    """With patience 2 and a least change of 0.1, the second epoch in a row without an improvement ends the run."""
    stopping = EarlyStopping(EarlyStoppingPlan(monitor, patience=2, min_delta=0.1))
    verdicts = [stopping.update(epoch(n, **{monitor: value})) for n, value in enumerate(values, start=1)]
    assert verdicts.index(True) + 1 == stops_at


def test_without_a_plan_it_never_stops() -> None:
    """A run that gets ever worse goes on."""
    stopping = EarlyStopping(None)
    assert not any(stopping.update(epoch(n, val_loss=float(n))) for n in range(1, 100))
