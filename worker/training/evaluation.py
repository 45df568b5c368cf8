"""Validation: scores for every image, and the figures computed from them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from worker.training.data import Split
from worker.training.data.loader import Normalizer
from worker.training.device import precision
from worker.training.plan import TrainingPlan

MOST_MISTAKES = 100
SHOWN_CLASSES = 10
BATCH_SIZE = 500  # bounds memory; fixed, since a product's rounding depends on its shape


@dataclass(frozen=True)
class ClassFigures:
    """Figures of one class. Precision is 0 if it was never predicted, recall 0 if it has no images; f1 likewise."""

    name: str
    precision: float
    recall: float
    f1: float
    support: int


@dataclass(frozen=True)
class Mistake:
    """A validation image that the network took for another class.

    Attributes:
        split: the data set's split that the image comes from.
        index: the image's place in that split.
        file: path of the image's file below the data set's folder; None for an image that is not a file of its own.
        true: the image's class.
        predicted: the class with the highest score.
        probabilities: those of the `SHOWN_CLASSES` likeliest classes and of the true one, the likeliest first.
    """

    split: str
    index: int
    file: str | None
    true: str
    predicted: str
    probabilities: dict[str, float]


@dataclass(frozen=True)
class Evaluation:
    """Figures over the whole validation split.

    Attributes:
        loss: mean cross-entropy over all samples, without label smoothing, so that jobs compare.
        accuracy: share of samples whose highest score is their label's.
        confusion_matrix: counts; rows are true classes, columns predicted ones.
        classes: names, by label.
        per_class: precision, recall, f1 and support of each class.
        mistakes: the `MOST_MISTAKES` samples with the largest loss among those that were classified wrongly.
    """

    loss: float
    accuracy: float
    confusion_matrix: tuple[tuple[int, ...], ...]
    classes: tuple[str, ...]
    per_class: tuple[ClassFigures, ...]
    mistakes: tuple[Mistake, ...]


def predict(
    network: nn.Module, split: Split, normalize: Normalizer, plan: TrainingPlan, between: Callable[[], None]
) -> Tensor:
    """Scores (N, classes) fp32 on the CPU for every image of the split, the short last batch included.

    Draws from no generator. Leaves the network in eval mode. Calls `between` after every batch.
    """
    device = next(network.parameters()).device
    network.eval()
    scores = []
    for images in torch.split(split.images, BATCH_SIZE):
        batch = normalize(images).to(device)
        # Ends before `between`: a state copied inside inference mode could never be trained on again.
        with torch.no_grad(), precision(plan, device):
            scores.append(network(batch).float())
        between()
    return torch.cat(scores).cpu()


def mean_cross_entropy(scores: Tensor, labels: Tensor) -> float:
    """Mean cross-entropy over the samples, computed in double precision."""
    return F.cross_entropy(scores.double(), labels).item()


def evaluate(scores: Tensor, split: Split, classes: tuple[str, ...]) -> Evaluation:
    """All figures for the scores (N, classes) of a split's images, with these class names."""
    size, labels = len(classes), split.labels
    cells = torch.bincount(labels * size + scores.argmax(1), minlength=size * size)
    matrix: list[list[int]] = cells.view(size, size).tolist()
    correct = sum(matrix[label][label] for label in range(size))
    return Evaluation(
        loss=mean_cross_entropy(scores, labels),
        accuracy=correct / len(labels),
        confusion_matrix=tuple(tuple(row) for row in matrix),
        classes=classes,
        per_class=tuple(_class_figures(matrix, label, name) for label, name in enumerate(classes)),
        mistakes=tuple(_mistakes(scores, split, classes)),
    )


def _mistakes(scores: Tensor, split: Split, classes: tuple[str, ...]) -> Iterator[Mistake]:
    """Yield the samples that were classified wrongly with the largest loss, the worst first; of equals the earlier."""
    labels = split.labels
    losses = F.cross_entropy(scores.double(), labels, reduction="none")
    wrong = (scores.argmax(1) != labels).nonzero()[:, 0]
    worst = wrong[losses[wrong].argsort(descending=True, stable=True)[:MOST_MISTAKES]]
    probabilities = scores[worst].double().softmax(1)
    likeliest = probabilities.argsort(dim=1, descending=True, stable=True)
    for sample, values, order in zip(worst.tolist(), probabilities.tolist(), likeliest.tolist(), strict=True):
        label = int(labels[sample])
        shown = [one for rank, one in enumerate(order) if rank < SHOWN_CLASSES or one == label]
        by_name = {classes[one]: values[one] for one in shown}
        index, file = int(split.index[sample]), split.names[sample] if split.names else None
        yield Mistake(split.split, index, file, classes[label], classes[order[0]], by_name)


def _class_figures(matrix: list[list[int]], label: int, name: str) -> ClassFigures:
    hits, support = matrix[label][label], sum(matrix[label])
    predicted = sum(row[label] for row in matrix)
    return ClassFigures(
        name=name,
        precision=_ratio(hits, predicted),
        recall=_ratio(hits, support),
        f1=_ratio(2 * hits, support + predicted),
        support=support,
    )


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else 0.0
