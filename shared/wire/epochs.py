"""The answers of the HTTP API about a job's figures: its epochs, and the metrics of an imported run."""

from __future__ import annotations

from typing import Generic, TypeVar

from shared.wire.answer import Answer, answer

Count = TypeVar("Count")
Figure = TypeVar("Figure")
Digest = TypeVar("Digest")


@answer
class EpochFigures(Answer, Generic[Count, Figure, Digest]):
    """The figures of an epoch as numbers, or of several epochs as columns."""

    epoch: Count
    """Number of the epoch, from 1."""
    train_loss: Figure
    """Mean training loss, measured while the weights changed."""
    train_accuracy: Figure
    """Share of training samples classified correctly, measured while the weights changed."""
    last_batch_loss: Figure
    """Mean loss of the epoch's last batch."""
    val_loss: Figure
    """Mean loss over the validation split, after the epoch."""
    val_accuracy: Figure
    """Share of validation samples classified correctly, after the epoch."""
    lr: Figure
    """Learning rate of the epoch's last step."""
    seconds: Figure
    """Duration of training and validation, summed over all attempts at this epoch."""
    samples_per_second: Figure
    """Training samples per second of training, validation excluded."""
    digest: Digest
    """Hash of what the rest of the run depends on after the last step: weights, optimizer, generators. Null
    where an earlier release ran the epoch."""
    attempt: Count
    """Number of the attempt that ran the epoch."""
    seq: Count
    """Number of the epoch's event among the job's events."""


@answer
class Epoch(EpochFigures[int, float, str | None]):
    """The figures of one epoch, which are the data of an `epoch` event."""


@answer
class EpochColumns(EpochFigures[list[int], list[float], list[str | None]]):
    """The figures of a job's epochs, as columns of equal length."""


@answer
class Metric(Answer):
    """A metric of an imported run."""

    name: str
    steps: list[int]
    """The step of each figure, in the order in which they were logged."""
    figures: list[float | None]
    """The figures, as many as there are steps; null where one was no finite number."""
