"""The answer of the HTTP API that puts jobs beside each other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from shared.wire.answer import Answer, answer
from shared.wire.jobs import Job

Curve = list[list[float | None]]
"""One list for each job, in the order of the jobs, with one value for each epoch; null where there is none."""


@answer
class Curves(Answer):
    """The figures of several jobs' epochs, side by side."""

    epoch: list[int]
    """Numbers of the epochs, ascending. Of very many only every second, third … one, and the last one of each job."""
    train_loss: Curve
    """One list for each job, with one value for each of `epoch`; null where the job has none. So are the others."""
    train_accuracy: Curve
    last_batch_loss: Curve
    val_loss: Curve
    val_accuracy: Curve
    lr: Curve
    seconds: Curve
    samples_per_second: Curve


@answer
class Comparison(Answer):
    """Several jobs, in what their specs differ, and their curves."""

    jobs: Sequence[Job]
    """The jobs, in the order of the request."""
    differing: dict[str, list[Any]]
    """Dotted path of each field of the specs, name and tags apart, in which the jobs differ: one value for each job,
    null where its spec has no such field. Defaults count as if they were written."""
    curves: Curves


@answer
class SomeOfComparison(Answer):
    """A comparison of which only some fields of the jobs, or only some curves, were asked for."""

    jobs: Sequence[dict[str, Any]]
    """The wanted fields of the jobs, in the order of the request."""
    differing: dict[str, list[Any]]
    """As in a whole comparison."""
    curves: dict[str, list[Any]]
    """`epoch` and the wanted curves, as in a whole comparison."""
