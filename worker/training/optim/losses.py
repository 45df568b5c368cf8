"""The loss, from scores.

A network that ends in LogSoftmax is trained on the negative log likelihood, one that ends in scores on cross-entropy,
one that ends in Softmax on the negative log likelihood of its logarithm. All three are one function of the scores, and
computing it from the scores is the form that neither overflows nor loses digits. PyTorch's `cross_entropy` is exactly
`nll_loss(log_softmax(scores))`, so the notebook's two forms give the same bits.
"""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F


def mean_loss(scores: Tensor, labels: Tensor, label_smoothing: float = 0.0) -> Tensor:
    """Mean loss over the batch, a scalar. Scores (N, classes), labels (N) int64.

    With smoothing s, the target of each sample is (1 - s) of its label plus s spread evenly over all classes
    (Szegedy et al., 2016, section 7).
    """
    return F.cross_entropy(scores, labels, label_smoothing=label_smoothing)
