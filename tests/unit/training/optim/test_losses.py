"""The loss: one function of the scores, whatever the output is called."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from worker.training.optim.losses import mean_loss

SCORES = torch.randn(64, 5, generator=torch.Generator().manual_seed(0)) * 4
LABELS = torch.arange(64) % 5


def test_it_is_the_notebooks_loss_to_the_bit() -> None:
    """Log-softmax and negative log likelihood give the same bits as cross-entropy on the scores."""
    assert torch.equal(mean_loss(SCORES, LABELS), F.nll_loss(F.log_softmax(SCORES, dim=1), LABELS))


def test_softmax_is_the_likelihood_of_its_logarithm() -> None:
    """A softmax output's loss is the negative log of the probability it gives the label."""
    probabilities = torch.softmax(SCORES.double(), dim=1)
    expected = -probabilities[torch.arange(64), LABELS].log().mean()
    torch.testing.assert_close(mean_loss(SCORES.double(), LABELS), expected, rtol=1e-12, atol=0)


def test_sure_and_wrong_is_a_finite_loss() -> None:
    """Where a softmax would round to zero, the loss is still right."""
    assert mean_loss(torch.tensor([[500.0, -500.0]]), torch.tensor([1])).item() == 1000.0


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.6])
def test_smoothing_spreads_the_target(smoothing: float) -> None:
    """For log-probabilities and for scores: (1 - s) of the label's term plus s of the mean over all classes."""
    log_probabilities = F.log_softmax(SCORES.double(), dim=1)
    label_term = -log_probabilities[torch.arange(64), LABELS].mean()
    expected = (1 - smoothing) * label_term - smoothing * log_probabilities.mean()
    for given in (SCORES.double(), log_probabilities):  # a log-softmax of log-probabilities changes nothing
        torch.testing.assert_close(mean_loss(given, LABELS, smoothing), expected, rtol=1e-12, atol=0)
