"""A tiny data set and plans over it: a run takes milliseconds."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable
from functools import partial
from typing import Any, get_args

import torch

from worker.training.data import LoadedDataset
from worker.training.data.records import loaded_dataset
from worker.training.data.sources.synthetic import draw_split
from worker.training.plan import (
    ActivationName,
    ActivationPlan,
    BatchNormPlan,
    Conv2dPlan,
    DatasetPlan,
    DropoutPlan,
    FlattenPlan,
    LayerPlan,
    LayersPlan,
    LinearPlan,
    MaxPool2dPlan,
    MlpPlan,
    TrainingPlan,
)
from worker.training.results import EpochResult, TrainingResult
from worker.training.state.checkpoints import Checkpointing, State
from worker.training.trainer import train

CPU = torch.device("cpu")
CLASSES = ("airplane", "bird")
DATASET = DatasetPlan("synthetic", CLASSES)

LAYERS: dict[str, Callable[..., LayerPlan]] = {
    **{kind: partial(ActivationPlan, kind) for kind in get_args(ActivationName)},
    **{layer.kind: layer for layer in get_args(LayerPlan) if layer is not ActivationPlan},
}
"""What makes a layer of each kind."""

CONVNET = LayersPlan(
    (
        Conv2dPlan(kernel_size=4, out_channels=4, stride=4),
        BatchNormPlan(),
        ActivationPlan("relu"),
        MaxPool2dPlan(kernel_size=2),
        FlattenPlan(),
        DropoutPlan(p=0.3),
        LinearPlan(out_features=2),
    )
)
"""A convolution, BatchNorm and dropout: everything that keeps a state or draws."""


def tiny_data(train: int = 48, val: int = 20) -> LoadedDataset:
    """Drawn images, so many of each class."""
    splits = draw_split(CLASSES, "train", train), draw_split(CLASSES, "val", val)
    return loaded_dataset("synthetic", "drawn", CLASSES, *splits)


def tiny_plan(**fields: Any) -> TrainingPlan:
    """Three epochs of three batches (the last one short), of a small fully connected network, by the reference."""
    plan = TrainingPlan(DATASET, MlpPlan((8,)), epochs=3, batch_size=40, engine="reference")
    return dataclasses.replace(plan, **fields)


def nothing(*_: object) -> None:
    """For callbacks that a test is not about."""


class Recording:
    """A run with everything it reported."""

    def __init__(self, plan: TrainingPlan, data: LoadedDataset, **options: Any) -> None:
        self.epochs: list[EpochResult] = []
        options.setdefault("check", nothing)
        self.result: TrainingResult = train(plan, data, CPU, on_epoch=self.epochs.append, **options)


def timeless(epoch: EpochResult) -> EpochResult:
    """The epoch without its wall times."""
    return dataclasses.replace(epoch, seconds=0.0, samples_per_second=0.0)


def every_state(states: list[State]) -> Checkpointing:
    """Saves at every boundary, into the list."""
    return Checkpointing(states.append, every_seconds=0, clock=lambda: 0.0)


def raises_after(calls: int, reason: BaseException) -> Callable[[], None]:
    """A `check` that raises at its call number `calls` (from 1)."""
    counter = itertools.count(1)

    def check() -> None:
        if next(counter) == calls:
            raise reason

    return check


def same_results(left: TrainingResult, right: TrainingResult) -> bool:
    """Whether two results are the same bits, wall times apart."""
    tensors = [(left.logits[name], right.logits[name]) for name in ("best", "last")] + [
        (left.weights[name][key], right.weights[name][key]) for name in ("best", "last") for key in left.weights[name]
    ]
    fields = ("epochs", "best_epoch", "evaluations", "engine", "exact", "environment", "stopped_early")
    return all(torch.equal(a, b) for a, b in tensors) and all(
        getattr(left, field) == getattr(right, field) for field in fields
    )
