"""What to train, as frozen values that are checked when they are made. Standard library only.

`plan_from_spec` reads a job's stored spec, in which every default is already written out.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, ClassVar, Literal, TypeAlias, TypeVar, get_args

from worker.training.errors import InvalidPlan
from worker.training.state.digests import digest

Normalization: TypeAlias = Literal["published", "computed", "none"]
Output: TypeAlias = Literal["log_softmax", "logits", "softmax"]
Precision: TypeAlias = Literal["fp32", "tf32", "bf16"]
Monitor: TypeAlias = Literal["val_loss", "val_accuracy", "train_loss"]
Anneal: TypeAlias = Literal["cos", "linear"]
PaddingMode: TypeAlias = Literal["constant", "reflect"]

P = TypeVar("P")


def require(holds: bool, problem: str) -> None:
    """Raise `InvalidPlan` with `problem` unless the condition holds."""
    if not holds:
        raise InvalidPlan(problem)


def require_choice(value: str, choices: object, field: str) -> None:
    """Raise `InvalidPlan` unless the value is one of a Literal's choices."""
    allowed = get_args(choices)
    require(value in allowed, f"{field} is {value!r}; it can be one of {', '.join(allowed)}")


@dataclass(frozen=True)
class DatasetPlan:
    """Which images. Labels are 0, 1, … in the order of `classes`; a limit takes the first N of each class."""

    name: str
    classes: tuple[str, ...]
    normalize: Normalization = "published"
    train_per_class: int | None = None
    val_per_class: int | None = None

    def __post_init__(self) -> None:
        require(len(self.classes) >= 2, "a classifier needs two or more classes")
        require(len(set(self.classes)) == len(self.classes), "a class is named twice")
        require_choice(self.normalize, Normalization, "normalize")
        for limit in (self.train_per_class, self.val_per_class):
            require(limit is None or limit >= 1, "images per class must be 1 or more")


@dataclass(frozen=True)
class LayerPlan:
    """One layer: its kind and that kind's options, by name."""

    kind: str
    options: tuple[tuple[str, Any], ...] = ()

    def option(self, name: str, default: Any = None) -> Any:
        """The named option's value, or the default."""
        return dict(self.options).get(name, default)


@dataclass(frozen=True)
class MlpPlan:
    """Fully connected layers of these widths, the activation after each, then one more to the classes."""

    kind: ClassVar[str] = "mlp"
    hidden: tuple[int, ...]
    activation: str = "tanh"
    output: Output = "log_softmax"

    def __post_init__(self) -> None:
        require(all(width >= 1 for width in self.hidden), "every hidden layer needs one unit or more")
        require_choice(self.output, Output, "output")


@dataclass(frozen=True)
class LayersPlan:
    """A network layer by layer; the last one gives one score per class."""

    kind: ClassVar[str] = "layers"
    layers: tuple[LayerPlan, ...]
    output: Output = "log_softmax"

    def __post_init__(self) -> None:
        require(len(self.layers) >= 1, "a network needs a layer")
        inner = (layer.option(name, ()) for layer in self.layers for name in ("layers", "shortcut"))
        later = chain(self.layers[1:], *inner)
        require(all(layer.kind != "whitening" for layer in later), "a whitening layer can only be the first")
        require_choice(self.output, Output, "output")


@dataclass(frozen=True)
class TorchvisionPlan:
    """One of `torchvision_networks.NAMES`."""

    kind: ClassVar[str] = "torchvision"
    network: str
    output: Output = "log_softmax"

    def __post_init__(self) -> None:
        require_choice(self.output, Output, "output")


ArchitecturePlan: TypeAlias = MlpPlan | LayersPlan | TorchvisionPlan


@dataclass(frozen=True)
class OptimizerPlan:
    """An optimizer; the fields that its kind does not have are ignored."""

    kind: Literal["sgd", "adam", "adamw"] = "sgd"
    lr: float = 0.01
    weight_decay: float = 0.0
    momentum: float = 0.0
    nesterov: bool = False
    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-8

    def __post_init__(self) -> None:
        require(self.kind in {"sgd", "adam", "adamw"}, f"unknown optimizer {self.kind!r}")
        require(math.isfinite(self.lr) and self.lr > 0, "the learning rate must be a positive number")
        require(self.weight_decay >= 0, "weight decay cannot be negative")
        require(0 <= self.momentum < 1, "momentum lies in [0, 1)")
        require(not self.nesterov or self.momentum > 0, "Nesterov's form needs momentum")
        require(all(0 <= beta < 1 for beta in self.betas), "betas lie in [0, 1)")
        require(self.eps > 0, "eps must be positive")


@dataclass(frozen=True)
class SchedulePlan:
    """How the learning rate changes; see `schedules.learning_rates`. The fields of other kinds are ignored."""

    kind: Literal["constant", "step", "cosine", "one_cycle"] = "constant"
    step_epochs: int = 30
    gamma: float = 0.1
    min_lr: float = 0.0
    pct_start: float = 0.3
    anneal_strategy: Anneal = "cos"
    div_factor: float = 25.0
    final_div_factor: float = 10_000.0

    def __post_init__(self) -> None:
        require(self.kind in {"constant", "step", "cosine", "one_cycle"}, f"unknown schedule {self.kind!r}")
        require(self.step_epochs >= 1, "a step schedule needs a step of one epoch or more")
        require(self.gamma > 0, "gamma must be positive")
        require(self.min_lr >= 0, "the learning rate cannot become negative")
        require(0 <= self.pct_start <= 1, "the rising part of a cycle lies in [0, 1]")
        require_choice(self.anneal_strategy, Anneal, "anneal_strategy")
        require(self.div_factor >= 1 and self.final_div_factor >= 1, "a cycle starts and ends below its peak")

    @property
    def per_step(self) -> bool:
        """Whether the rate changes within an epoch."""
        return self.kind == "one_cycle"


@dataclass(frozen=True)
class AugmentPlan:
    """One step of augmentation. `padding` (pixels) and its mode belong to crop, `size` (pixels) to cutout."""

    kind: Literal["flip", "crop", "cutout"]
    padding: int = 4
    padding_mode: PaddingMode = "constant"
    size: int = 8

    def __post_init__(self) -> None:
        require(self.kind in {"flip", "crop", "cutout"}, f"unknown augmentation {self.kind!r}")
        require(self.padding >= 1, "a crop needs a padding of one pixel or more")
        require_choice(self.padding_mode, PaddingMode, "padding_mode")
        require(self.size >= 1, "a cutout needs a size of one pixel or more")


@dataclass(frozen=True)
class EarlyStoppingPlan:
    """Stop after `patience` epochs in which `monitor` did not get better by more than `min_delta`."""

    monitor: Monitor = "val_loss"
    patience: int = 10
    min_delta: float = 0.0

    def __post_init__(self) -> None:
        require_choice(self.monitor, Monitor, "monitor")
        require(self.patience >= 1, "patience must be one epoch or more")
        require(self.min_delta >= 0, "min_delta cannot be negative")


@dataclass(frozen=True)
class WeightAveragePlan:
    """An exponential moving average of the weights; see `averaging.MovingAverage`."""

    kind: Literal["ema"] = "ema"
    decay: float = 0.99

    def __post_init__(self) -> None:
        require(self.kind == "ema", f"unknown weight average {self.kind!r}")
        require(0 <= self.decay < 1, "the decay of an average lies in [0, 1)")


@dataclass(frozen=True)
class TrainingPlan:
    """Everything that decides a run's result on one device. `threads` is part of it: it changes rounding."""

    dataset: DatasetPlan
    architecture: ArchitecturePlan
    epochs: int = 100
    batch_size: int = 64
    shuffle: bool = True
    seed: int = 0
    label_smoothing: float = 0.0
    precision: Precision = "fp32"
    optimizer: OptimizerPlan = OptimizerPlan()
    schedule: SchedulePlan = SchedulePlan()
    augment: tuple[AugmentPlan, ...] = ()
    early_stopping: EarlyStoppingPlan | None = None
    weight_average: WeightAveragePlan | None = None
    engine: str = "auto"
    threads: int = 1

    def __post_init__(self) -> None:
        require(self.epochs >= 1, "a run needs one epoch or more")
        require(self.batch_size >= 1, "a batch needs one image or more")
        require(0 <= self.seed < 2**63, "the seed lies in [0, 2^63)")
        require(0 <= self.label_smoothing < 1, "label smoothing lies in [0, 1)")
        require_choice(self.precision, Precision, "precision")
        require(self.threads >= 1, "a run needs one thread or more")

    @property
    def digest(self) -> str:
        """A sha256 of all that decides the run: equal digests ask for the same one."""
        return digest(self)


def plan_from_spec(document: Mapping[str, Any]) -> TrainingPlan:
    """The plan of a stored spec. Raises `InvalidPlan` for what this code does not know."""
    try:
        return _plan(document)
    except (KeyError, TypeError) as error:
        raise InvalidPlan(f"This spec cannot be read by this version of the worker: {error!r}") from error


def _plan(document: Mapping[str, Any]) -> TrainingPlan:
    training = dict(document["training"])
    training.pop("loss", None)  # follows from the architecture's output
    return TrainingPlan(
        dataset=_frozen(DatasetPlan, document["dataset"]),
        architecture=_architecture(document["architecture"]),
        optimizer=_frozen(OptimizerPlan, training.pop("optimizer")),
        schedule=_frozen(SchedulePlan, training.pop("schedule")),
        augment=tuple(_frozen(AugmentPlan, step) for step in training.pop("augment")),
        early_stopping=_frozen_or_none(EarlyStoppingPlan, training.pop("early_stopping", None)),
        weight_average=_frozen_or_none(WeightAveragePlan, training.pop("weight_average", None)),
        threads=document.get("resources", {}).get("threads", 1),
        **training,
    )


def _architecture(fields: Mapping[str, Any]) -> ArchitecturePlan:
    options = {name: value for name, value in fields.items() if name != "kind"}
    if fields["kind"] == "mlp":
        return _frozen(MlpPlan, options)
    if fields["kind"] == "layers":
        return LayersPlan(**{**options, "layers": tuple(_layer(layer) for layer in options["layers"])})
    if fields["kind"] == "torchvision":
        return _frozen(TorchvisionPlan, options)
    raise InvalidPlan(f"unknown kind of architecture {fields['kind']!r}")


def _layer(fields: Mapping[str, Any]) -> LayerPlan:
    options = {name: value for name, value in fields.items() if name != "kind"}
    for name in {"layers", "shortcut"} & options.keys():  # those of a residual block
        options[name] = tuple(_layer(inner) for inner in options[name])
    return LayerPlan(fields["kind"], tuple(sorted(options.items())))


def _frozen(plan: type[P], fields: Mapping[str, Any]) -> P:
    return plan(**{name: _hashable(value) for name, value in fields.items()})


def _frozen_or_none(plan: type[P], fields: Mapping[str, Any] | None) -> P | None:
    return None if fields is None else _frozen(plan, fields)


def _hashable(value: Any) -> Any:
    is_list = isinstance(value, Sequence) and not isinstance(value, str)
    return tuple(value) if is_list else value
