"""The loss of `losses.mean_loss` and its gradient by the scores, without autograd."""

from __future__ import annotations

import torch
from torch import Tensor


class Objective:
    """Cross-entropy against smoothed labels, with its gradient with respect to the scores."""

    def __init__(self, classes: int, label_smoothing: float, device: torch.device, dtype: torch.dtype) -> None:
        one_hot = torch.eye(classes, device=device, dtype=dtype)
        self._targets = one_hot * (1 - label_smoothing) + label_smoothing / classes

    def targets(self, labels: Tensor) -> Tensor:
        """The target distribution (N, classes) of each label (N)."""
        return self._targets.index_select(0, labels)

    @staticmethod
    def weighted_gradient(scores: Tensor, weighted: Tensor) -> tuple[Tensor, Tensor]:
        """As `gradient`, for targets that are already multiplied by minus their scales: fewer kernels."""
        log_probabilities = torch.log_softmax(scores, -1, dtype=weighted.dtype)
        gradient: Tensor = torch.ops.aten._log_softmax_backward_data(  # noqa: SLF001 -- autograd's own kernel
            weighted, log_probabilities, -1, weighted.dtype
        )
        return log_probabilities, gradient

    @staticmethod
    def gradient(scores: Tensor, targets: Tensor, scale: float) -> tuple[Tensor, Tensor]:
        """Log-probabilities (N, classes), and the gradient of the summed losses by the scores, times `scale`."""
        log_probabilities = torch.log_softmax(scores, -1, dtype=targets.dtype)
        return log_probabilities, log_probabilities.exp().sub_(targets).mul_(scale)

    @staticmethod
    def losses(log_probabilities: Tensor, targets: Tensor) -> Tensor:
        """The loss of each sample (N), from log-probabilities and targets (N, classes)."""
        return (log_probabilities * targets).sum(-1).neg_()
