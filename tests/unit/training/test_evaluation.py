"""Evaluation: figures from scores, and scores for every image."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from tests.unit.training.tiny import nothing, tiny_data, tiny_plan
from worker.training.data import Split
from worker.training.data.loader import Normalizer
from worker.training.evaluation import BATCH_SIZE, ClassFigures, evaluate, mean_cross_entropy, predict

PASS_ON = Normalizer(None)


def scores_for(predictions: list[int], classes: int) -> torch.Tensor:
    """Scores whose highest entries are these."""
    return torch.eye(classes)[predictions]


def test_figures_are_those_counted_by_hand() -> None:
    """Rows of the matrix are true classes; precision goes down a column, recall along a row."""
    labels = torch.tensor([0, 0, 0, 1, 1])
    evaluation = evaluate(scores_for([0, 0, 1, 1, 1], 2), labels, ("airplane", "bird"))
    assert evaluation.confusion_matrix == ((2, 1), (0, 2))
    assert evaluation.accuracy == 0.8
    assert evaluation.per_class == (
        ClassFigures("airplane", precision=1.0, recall=2 / 3, f1=0.8, support=3),
        ClassFigures("bird", precision=2 / 3, recall=1.0, f1=0.8, support=2),
    )
    assert evaluation.classes == ("airplane", "bird")


def test_a_class_that_is_never_predicted_has_figures() -> None:
    """Nothing is divided by zero: precision, recall and f1 are 0."""
    evaluation = evaluate(scores_for([0, 0], 3), torch.tensor([0, 1]), ("a", "b", "c"))
    assert evaluation.per_class[1] == ClassFigures("b", precision=0.0, recall=0.0, f1=0.0, support=1)
    assert evaluation.per_class[2] == ClassFigures("c", precision=0.0, recall=0.0, f1=0.0, support=0)


def test_the_loss_is_worked_out_in_double_precision() -> None:
    """A loss far below fp32's resolution is not rounded to zero."""
    assert mean_cross_entropy(torch.tensor([[20.0, 0.0]]), torch.tensor([0])) == pytest.approx(2.061153618190204e-9)


@pytest.mark.parametrize("count", [1, BATCH_SIZE - 1, BATCH_SIZE, 2 * BATCH_SIZE + 7])
def test_every_image_gets_scores(count: int) -> None:
    """The short last batch counts, and `between` is called after every batch."""
    split = Split(torch.zeros(count, 3, 2, 2, dtype=torch.uint8), torch.zeros(count, dtype=torch.int64))
    calls: list[None] = []
    scores = predict(
        nn.Sequential(nn.Flatten(), nn.Linear(12, 2)), split, PASS_ON, tiny_plan(), lambda: calls.append(None)
    )
    assert scores.shape == (count, 2)
    assert len(calls) == -(-count // BATCH_SIZE)


def test_predicting_draws_nothing_and_changes_nothing() -> None:
    """Dropout and BatchNorm are in eval mode, and the global generator stays where it is."""
    network = nn.Sequential(nn.Flatten(), nn.BatchNorm1d(3072), nn.Dropout(0.5), nn.Linear(3072, 2))
    before, weights = torch.get_rng_state(), {k: v.clone() for k, v in network.state_dict().items()}
    split = tiny_data().val
    first, second = (predict(network, split, PASS_ON, tiny_plan(), nothing) for _ in range(2))
    assert torch.equal(first, second)
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(weights[name], value) for name, value in network.state_dict().items())


def test_bf16_scores_are_coarser() -> None:
    """The plan's precision holds in validation, too; scores come out as fp32."""
    network, split = nn.Sequential(nn.Flatten(), nn.Linear(3072, 2)), tiny_data().val
    exact = predict(network, split, PASS_ON, tiny_plan(), nothing)
    coarse = predict(network, split, PASS_ON, tiny_plan(precision="bf16"), nothing)
    assert coarse.dtype == torch.float32
    assert torch.equal(coarse, coarse.bfloat16().float())
    assert not torch.equal(coarse, exact)
