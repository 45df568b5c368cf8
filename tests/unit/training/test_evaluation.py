"""Evaluation: figures from scores, and scores for every image."""

from __future__ import annotations

import math

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


def split_of(*labels: int, index: list[int] | None = None, names: tuple[str, ...] = ()) -> Split:
    """Validation images with these labels."""
    numbers = torch.tensor(index or list(range(len(labels))))
    return Split(torch.zeros(len(labels), 3, 1, 1, dtype=torch.uint8), torch.tensor(labels), numbers, "val", names)


def test_figures_are_those_counted_by_hand() -> None:
    """Rows of the matrix are true classes; precision goes down a column, recall along a row."""
    evaluation = evaluate(scores_for([0, 0, 1, 1, 1], 2), split_of(0, 0, 0, 1, 1), ("airplane", "bird"))
    assert evaluation.confusion_matrix == ((2, 1), (0, 2))
    assert evaluation.accuracy == 0.8
    assert evaluation.per_class == (
        ClassFigures("airplane", precision=1.0, recall=2 / 3, f1=0.8, support=3),
        ClassFigures("bird", precision=2 / 3, recall=1.0, f1=0.8, support=2),
    )
    assert evaluation.classes == ("airplane", "bird")


def test_a_class_that_is_never_predicted_has_figures() -> None:
    """Nothing is divided by zero: precision, recall and f1 are 0."""
    evaluation = evaluate(scores_for([0, 0], 3), split_of(0, 1), ("a", "b", "c"))
    assert evaluation.per_class[1] == ClassFigures("b", precision=0.0, recall=0.0, f1=0.0, support=1)
    assert evaluation.per_class[2] == ClassFigures("c", precision=0.0, recall=0.0, f1=0.0, support=0)


def test_mistakes_are_the_worst_first_with_where_they_come_from() -> None:
    """Only those that were classified wrongly, by their loss, with their numbers and files in the data set."""
    scores = torch.tensor([[0.0, 1.0], [0.0, 5.0], [9.0, 0.0], [0.0, 2.0]])
    split = split_of(0, 0, 0, 1, index=[4, 6, 8, 17], names=("a/1.png", "a/2.png", "a/3.png", "b/1.png"))
    worst, other = evaluate(scores, split, ("a", "b")).mistakes

    assert (worst.split, worst.index, worst.file, worst.true, worst.predicted) == ("val", 6, "a/2.png", "a", "b")
    assert (other.index, other.file) == (4, "a/1.png")
    assert list(worst.probabilities) == ["b", "a"]
    assert worst.probabilities["b"] == pytest.approx(1 / (1 + math.exp(-5)), abs=1e-12)


def test_a_mistake_shows_the_likeliest_classes_and_its_own() -> None:
    """Of a hundred classes the ten likeliest, and the true one behind them where it is none of these."""
    scores = torch.arange(100.0).flip(0)[None]
    (mistake,) = evaluate(scores, split_of(60), tuple(f"class-{number}" for number in range(100))).mistakes

    assert list(mistake.probabilities) == [*(f"class-{number}" for number in range(10)), "class-60"]


def test_at_most_a_hundred_mistakes_are_kept() -> None:
    """The worst ones."""
    scores = torch.tensor([[0.0, 1.0 + number] for number in range(150)])
    mistakes = evaluate(scores, split_of(*[0] * 150), ("a", "b")).mistakes

    assert [one.index for one in mistakes] == list(range(149, 49, -1))


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
