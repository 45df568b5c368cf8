"""`TrainingPlan`: everything that decides a run's result."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Literal, TypeAlias

from worker.training.plan.architectures import ArchitecturePlan
from worker.training.plan.augmentations import AugmentPlan
from worker.training.plan.optimizers import OptimizerPlan, SgdPlan
from worker.training.plan.schedules import ConstantPlan, SchedulePlan
from worker.training.state.digests import digest

Normalization: TypeAlias = Literal["published", "computed", "none"]
Precision: TypeAlias = Literal["fp32", "tf32", "bf16"]
Monitor: TypeAlias = Literal["val_loss", "val_accuracy", "train_loss"]


@dataclass(frozen=True)
class DatasetPlan:
    """The images to train on. Labels are 0, 1, … in the order of `classes`; a limit takes the first N of each class.

    Attributes:
        name: the data set's name.
        classes: the classes to tell apart.
        normalize: which means and deviations normalise the images.
        train_per_class: limit of the training images of each class; None takes all.
        val_per_class: limit of the images of each class that `val_*` is judged on; None takes all.
        image_size: side in pixels that images are resized and cut to; None takes images as large as they are.
        channels: 3 for colour, 1 for grey.
        val_fraction: the part of each class that becomes the validation split of a set that has none of its own.
        holdout_fraction: the part of each class's training images that becomes the validation split, and is not
            trained on; the set's own validation split is then scored once, at the end. 0 keeps nothing out.
    """

    name: str
    classes: tuple[str, ...]
    normalize: Normalization = "published"
    train_per_class: int | None = None
    val_per_class: int | None = None
    image_size: int | None = None
    channels: Literal[1, 3] = 3
    val_fraction: float | None = None
    holdout_fraction: float = 0.0


@dataclass(frozen=True)
class EarlyStoppingPlan:
    """Stop after `patience` epochs in which `monitor` did not get better by more than `min_delta`."""

    monitor: Monitor = "val_loss"
    patience: int = 10
    min_delta: float = 0.0


@dataclass(frozen=True)
class WeightAveragePlan:
    """An exponential moving average of the weights; see `optim.averaging.MovingAverage`."""

    kind: ClassVar[str] = "ema"
    decay: float = 0.99


@dataclass(frozen=True)
class TrainingPlan:
    """Everything that decides a run's result on one device. `threads` is included: it changes rounding."""

    dataset: DatasetPlan
    architecture: ArchitecturePlan
    epochs: int = 100
    batch_size: int = 64
    shuffle: bool = True
    seed: int = 0
    label_smoothing: float = 0.0
    precision: Precision = "fp32"
    optimizer: OptimizerPlan = field(default_factory=SgdPlan)
    schedule: SchedulePlan = field(default_factory=ConstantPlan)
    augment: tuple[AugmentPlan, ...] = ()
    early_stopping: EarlyStoppingPlan | None = None
    weight_average: WeightAveragePlan | None = None
    engine: str = "auto"
    threads: int = 1

    @property
    def digest(self) -> str:
        """A sha256 of all fields that decide the run: equal digests ask for the same run."""
        return digest(self)
