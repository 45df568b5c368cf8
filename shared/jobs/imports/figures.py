"""Which metrics of an imported run are figures of epochs, as jobs that were trained here have them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from shared import wire
from shared.jobs.imports.run import RunMetric
from shared.wire.answer import names

FIGURES = tuple(name for name in names(wire.Epoch) if name not in {"epoch", "attempt", "seq", "digest"})
MOST_EPOCHS = 100_000
_SYNONYMS = {
    "train_loss": ("loss", "training_loss", "train/loss", "loss/train"),
    "train_accuracy": ("accuracy", "acc", "train_acc", "training_accuracy", "train/accuracy", "train/acc"),
    "val_loss": ("validation_loss", "valid_loss", "val/loss", "loss/val"),
    "val_accuracy": ("val_acc", "validation_accuracy", "valid_accuracy", "valid_acc", "val/accuracy", "val/acc"),
    "lr": ("learning_rate",),
}
"""What other programs call our figures: Keras, Lightning and the habits of loops written by hand."""
_SHARES = frozenset({"train_accuracy", "val_accuracy"})


class Curves:
    """The metrics of a run that are figures of epochs, by our names: a value for each epoch from the first one on.

    A metric is one where it has a finite value at each of the steps 1, 2 … or 0, 1 …; of several values at a step the
    last counts. An accuracy is a share, from 0 to 1.
    """

    def __init__(self, metrics: Mapping[str, RunMetric]) -> None:
        found = {figure: _curve_of(figure, metrics) for figure in FIGURES}
        self.by_figure: Mapping[str, Sequence[float]] = {name: curve for name, curve in found.items() if curve}
        self.epochs = max((len(curve) for curve in self.by_figure.values()), default=0)

    @property
    def complete(self) -> bool:
        """Whether every figure of every epoch is known: then they are stored as epochs."""
        lengths = {len(curve) for curve in self.by_figure.values()}
        return len(self.by_figure) == len(FIGURES) and lengths == {self.epochs}

    def rows(self) -> list[dict[str, float]]:
        """Return the figures of each epoch, by their names; only of `complete` curves."""
        return [{name: curve[at] for name, curve in self.by_figure.items()} for at in range(self.epochs)]

    def result(self) -> dict[str, Any]:
        """Return the columns of the job's result that are known."""
        columns: dict[str, Any] = {
            name: curve[-1]
            for name, curve in self.by_figure.items()
            if name in {"train_loss", "train_accuracy", "val_loss", "val_accuracy"}
        }
        if accuracy := self.by_figure.get("val_accuracy"):
            best = max(accuracy)
            columns |= {"best_val_accuracy": best, "best_epoch": accuracy.index(best) + 1}
        return columns


def metric_of(figure: str, known: Mapping[str, Any] | set[str]) -> str | None:
    """Return the name of the metric that a figure is, of those that a run has; None where it has none."""
    return next((name for name in (figure, *_SYNONYMS.get(figure, ())) if name in known), None)


def _curve_of(figure: str, metrics: Mapping[str, RunMetric]) -> Sequence[float]:
    name = metric_of(figure, metrics)
    values = () if name is None else curve(metrics[name].steps, metrics[name].figures)
    if figure in _SHARES and any(not 0 <= value <= 1 for value in values):
        return ()
    return values


def curve(steps: Sequence[int], values: Sequence[float | None]) -> Sequence[float]:
    """Return a metric's values by epoch, from the first one on; nothing where its steps are no epochs."""
    last = dict(zip(steps, values, strict=True))
    first = min(last, default=0)
    if not last or len(last) > MOST_EPOCHS or first not in {0, 1} or max(last) != first + len(last) - 1:
        return ()
    ordered = [last[step] for step in range(first, first + len(last))]
    known = [value for value in ordered if value is not None and math.isfinite(value)]
    return known if len(known) == len(ordered) else ()
