"""Loss and gradient are those of the reference's loss."""

from __future__ import annotations

import pytest
import torch

from worker.training.engines.fused.loss_gradient import Objective
from worker.training.optim.losses import mean_loss


@pytest.mark.parametrize("classes", [2, 7])
@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.9])
def test_against_autograd(classes: int, smoothing: float) -> None:
    """Mean loss and the gradient by the scores, for large scores too."""
    torch.manual_seed(0)
    scores = (10 * torch.randn(9, classes, dtype=torch.float64)).requires_grad_()
    labels = torch.randint(classes, (9,))
    loss = mean_loss(scores, labels, smoothing)
    loss.backward()  # type: ignore[no-untyped-call]
    objective = Objective(classes, smoothing, torch.device("cpu"), torch.float64)
    targets = objective.targets(labels)
    log_probabilities, gradient = objective.gradient(scores.detach(), targets, 1 / len(scores))
    assert objective.losses(log_probabilities, targets).mean().item() == pytest.approx(loss.item(), rel=1e-12)
    assert scores.grad is not None
    assert torch.allclose(gradient, scores.grad, rtol=1e-12, atol=1e-15)


def test_scores_of_less_precision_are_widened() -> None:
    """bf16 scores give fp32 losses, as under autocast."""
    objective = Objective(2, 0.0, torch.device("cpu"), torch.float32)
    targets = objective.targets(torch.tensor([0, 1]))
    log_probabilities, gradient = objective.gradient(torch.zeros(2, 2, dtype=torch.bfloat16), targets, 0.5)
    assert log_probabilities.dtype == gradient.dtype == torch.float32
