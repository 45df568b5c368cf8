"""Every engine against the reference: same initial weights, same order, same maths.

In float64 rounding is far below any mistake, so agreement to 1e-9 proves the maths. In fp32 and bf16 the bounds are
what rounding alone may do.
"""

from __future__ import annotations

import dataclasses
from typing import Any, get_args

import pytest
import torch
from torch import Tensor

from tests.unit.training.engines.recorders import Computing
from tests.unit.training.tiny import CPU, DATASET, LAYERS, Recording, tiny_data
from worker.training import engines
from worker.training.engines.graphs import GraphsEngine
from worker.training.plan import (
    ActivationName,
    AdamPlan,
    AdamWPlan,
    ArchitecturePlan,
    AugmentPlan,
    ColorJitterPlan,
    ConstantPlan,
    CosinePlan,
    CropPlan,
    CutoutPlan,
    FlipPlan,
    LayersPlan,
    MlpPlan,
    NAdamPlan,
    OneCyclePlan,
    OptimizerPlan,
    RmsPropPlan,
    SchedulePlan,
    SgdPlan,
    StepPlan,
    TrainingPlan,
    WarmupCosinePlan,
    WeightAveragePlan,
)
from worker.training.state.tally import Tally

pytestmark = pytest.mark.usefixtures("one_thread")

DATA = tiny_data(train=22, val=10)  # batches of 8 leave a last one of 4
MLP = TrainingPlan(DATASET, MlpPlan((64, 16)), epochs=2, batch_size=8)  # wide enough for blocks of four batches

OPTIMIZERS: dict[str, OptimizerPlan] = {
    "sgd": SgdPlan(lr=0.05),
    "sgd-decay": SgdPlan(lr=0.05, weight_decay=0.1),
    "momentum": SgdPlan(lr=0.02, momentum=0.9, weight_decay=0.01),
    "nesterov": SgdPlan(lr=0.02, momentum=0.9, nesterov=True),
    "adam": AdamPlan(lr=0.001, weight_decay=0.01),
    "adamw": AdamWPlan(lr=0.001, weight_decay=0.1),
    "rmsprop": RmsPropPlan(lr=0.001, eps=0.001, momentum=0.5, centered=True, weight_decay=0.01),
    "nadam": NAdamPlan(lr=0.001, weight_decay=0.01),
}
SCHEDULES: dict[str, SchedulePlan] = {
    "constant": ConstantPlan(),
    "step": StepPlan(step_epochs=1, gamma=0.5),
    "cosine": CosinePlan(min_lr=0.001),
    "one_cycle": OneCyclePlan(div_factor=5.0, final_div_factor=2.0),
    "warmup_cosine": WarmupCosinePlan(warmup_epochs=0.5, min_lr=0.001),
}
FLIP, CROP, CUTOUT = FlipPlan(), CropPlan(padding=3), CutoutPlan()
REFLECTED = CropPlan(padding=3, padding_mode="reflect")
JITTER = ColorJitterPlan(brightness=0.4, contrast=0.4, saturation=0.4, hue=0.1)
STEPS = [(FLIP,), (CROP,), (CROP, FLIP), (JITTER,), (FLIP, REFLECTED, JITTER, CUTOUT)]
ACTIVATIONS = get_args(ActivationName)


def layers(*kinds: str | tuple[str, dict[str, Any]]) -> LayersPlan:
    """A network of these layers."""
    pairs = [(kind, {}) if isinstance(kind, str) else kind for kind in kinds]
    return LayersPlan(tuple(LAYERS[kind](**options) for kind, options in pairs))


def wide(features: int, **options: Any) -> tuple[str, dict[str, Any]]:
    """A linear layer."""
    return ("linear", {"out_features": features, **options})


def conv(channels: int, **options: Any) -> tuple[str, dict[str, Any]]:
    """A convolution."""
    return ("conv2d", {"out_channels": channels, "kernel_size": 3, **options})


def residual(
    *kinds: str | tuple[str, dict[str, Any]], shortcut: LayersPlan | None = None
) -> tuple[str, dict[str, Any]]:
    """A residual block of these layers."""
    return ("residual", {"layers": layers(*kinds).layers, "shortcut": shortcut.layers if shortcut else ()})


CHAINS: dict[str, ArchitecturePlan] = {
    "softmax regression": MlpPlan(()),
    "dropout": layers(
        "flatten", wide(64), "tanh", ("dropout", {"p": 0.3}), wide(16), ("dropout", {"p": 0.5}), "relu", wide(2)
    ),
    "dropout of all or nothing": layers(
        "flatten", wide(64), ("dropout", {"p": 0.0}), wide(8), ("dropout", {"p": 1.0}), wide(2)
    ),
    "without bias": layers("flatten", wide(64, bias=False), "gelu", wide(2, bias=False)),
    "two activations": layers("flatten", wide(64), "silu", "tanh", wide(8), "flatten", "elu", wide(2)),
    "no activation": layers("flatten", wide(64), wide(2)),
}
NETWORKS: dict[str, ArchitecturePlan] = {
    "convolutions": layers(
        conv(4, stride=2), "relu", ("maxpool2d", {"kernel_size": 2}), conv(6), "gelu", "flatten", wide(2)
    ),
    "grouped": layers(
        conv(6, padding=1), "silu", ("avgpool2d", {"kernel_size": 4}), conv(6, groups=3, bias=False), "flatten", wide(2)
    ),
    "dropout in images": layers(
        ("dropout", {"p": 0.2}), conv(4, stride=3), "tanh", "flatten", ("dropout", {"p": 0.4}), wide(2)
    ),
    "whitening": layers(("whitening", {"kernel_size": 2}), "gelu", conv(4, stride=3), "relu", "flatten", wide(2)),
    "whitening alone": layers(("whitening", {"kernel_size": 3}), "tanh", "flatten", wide(2)),
    "residual": layers(
        conv(4, stride=4),
        residual(conv(4, padding=1), "relu", ("scale", {"factor": 0.5})),
        residual(
            conv(6, stride=2, padding=1), ("dropout", {"p": 0.3}), shortcut=layers(conv(6, stride=2, padding=1), "tanh")
        ),
        "flatten",
        residual(wide(2), shortcut=layers(("dropout", {"p": 0.2}), wide(2))),
    ),
    "residual that flattens": layers(
        conv(4, stride=4),
        residual("flatten", wide(8), shortcut=layers(("dropout", {"p": 0.3}), "flatten", wide(8))),
        ("dropout", {"p": 0.3}),
        wide(2),
    ),
    "residual of features": layers("flatten", wide(8), residual(wide(8), "gelu"), ("scale", {"factor": 0.25}), wide(2)),
    "other norms": layers(
        conv(6, stride=3),
        ("groupnorm", {"num_groups": 3}),
        "relu",
        ("dropout", {"p": 0.2}),
        residual(conv(6, padding=1), "layernorm", "gelu", ("groupnorm", {"num_groups": 2})),
        "global_avgpool",
        ("dropout", {"p": 0.3}),
        wide(8),
        "layernorm",
        ("groupnorm", {"num_groups": 2}),
        wide(2),
    ),
    "averaged channels": layers(
        conv(4, stride=2),
        "silu",
        residual("global_avgpool", wide(3), shortcut=layers("flatten", wide(3))),
        ("dropout", {"p": 0.3}),
        wide(2),
    ),
    "wide on rows of pixels": layers(wide(4), "relu", "flatten", wide(2)),
    **CHAINS,
}
NORMALIZED: dict[str, ArchitecturePlan] = {
    "convolutions": layers(
        conv(4, stride=2), "batchnorm", "relu", ("maxpool2d", {"kernel_size": 3}), "flatten", wide(2)
    ),
    "residual": layers(
        conv(4, stride=2),
        residual(
            conv(6, stride=2, padding=1),
            ("batchnorm", {"momentum": 0.4}),
            "relu",
            shortcut=layers(conv(6, stride=2, padding=1, bias=False), "batchnorm"),
        ),
        residual(conv(6, padding=1), "batchnorm", "relu", conv(6, padding=1)),
        "flatten",
        wide(2),
    ),
    "features": layers("flatten", wide(64), "batchnorm", "relu", wide(16), "batchnorm", "tanh", wide(2)),
}


@pytest.fixture(autouse=True)
def graphs_on_a_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything of that engine but CUDA's recorder runs on a CPU too, and is under test there."""
    monkeypatch.setattr(GraphsEngine, "fits", staticmethod(lambda plan, device: True))
    monkeypatch.setattr(GraphsEngine, "recorder", Computing)


def both(plan: TrainingPlan, engine: str) -> tuple[Recording, Recording]:
    """The plan's run by the reference, and by the engine."""
    return Recording(plan, DATA, engine="reference"), Recording(plan, DATA, engine=engine)


def agree(plan: TrainingPlan, engine: str, relative: float) -> None:
    """Losses agree epoch by epoch; so do the weights, by what they differ from none at all."""
    theirs, ours = both(plan, engine)
    assert ours.result.engine == engine
    for reference, epoch in zip(theirs.epochs, ours.epochs, strict=True):
        assert epoch.train_loss == pytest.approx(reference.train_loss, rel=relative)
        assert epoch.last_batch_loss == pytest.approx(reference.last_batch_loss, rel=10 * relative)
        assert epoch.val_loss == pytest.approx(reference.val_loss, rel=max(relative, 1e-6))  # scores are kept in fp32
        assert (epoch.train_accuracy, epoch.lr) == (reference.train_accuracy, reference.lr)
    for name, weight in theirs.result.weights["last"].items():
        assert norm(ours.result.weights["last"][name] - weight) <= 100 * relative * norm(weight), name


def norm(tensor: Tensor) -> float:
    """The root of the sum of squares."""
    return float(tensor.double().norm())


def runs_of(plan: TrainingPlan) -> list[str]:
    """The engines that can run this plan here, besides the reference."""
    others = {name: engine for name, engine in engines.ENGINES.items() if name != "reference"}
    return [name for name, engine in others.items() if name == "graphs" or engine.fits(plan, CPU)]


@pytest.mark.usefixtures("double")
class TestInFloat64:
    """The maths: to 1e-9."""

    @pytest.mark.parametrize("engine", runs_of(MLP))
    @pytest.mark.parametrize("schedule", SCHEDULES)
    @pytest.mark.parametrize("optimizer", OPTIMIZERS)
    def test_every_optimizer_and_schedule(self, engine: str, schedule: str, optimizer: str) -> None:
        """Each of them with each other."""
        plan = dataclasses.replace(MLP, optimizer=OPTIMIZERS[optimizer], schedule=SCHEDULES[schedule])
        agree(plan, engine, 1e-9)

    @pytest.mark.parametrize("engine", runs_of(MLP))
    @pytest.mark.parametrize("activation", ACTIVATIONS)
    def test_every_activation(self, engine: str, activation: ActivationName) -> None:
        """Forward and backward."""
        agree(dataclasses.replace(MLP, architecture=MlpPlan((64, 16), activation)), engine, 1e-9)

    @pytest.mark.parametrize("engine", runs_of(MLP))
    @pytest.mark.parametrize("smoothing", [0.0, 0.2])
    @pytest.mark.parametrize("output", ["log_softmax", "logits", "softmax"])
    def test_every_loss(self, engine: str, smoothing: float, output: Any) -> None:
        """All three forms, with smoothed labels and without."""
        plan = dataclasses.replace(MLP, architecture=MlpPlan((64,), output=output), label_smoothing=smoothing)
        agree(plan, engine, 1e-9)

    @pytest.mark.parametrize("engine", runs_of(MLP))
    @pytest.mark.parametrize("steps", STEPS, ids=str)
    def test_every_augmentation(self, engine: str, steps: tuple[AugmentPlan, ...]) -> None:
        """The same draws, in the order of the steps, and without shuffling too."""
        for shuffle in (True, False):
            agree(dataclasses.replace(MLP, augment=steps, shuffle=shuffle), engine, 1e-9)

    @pytest.mark.parametrize("name", NETWORKS)
    def test_every_kind_of_network(self, name: str) -> None:
        """By each engine that takes it; dropout draws what it would."""
        plan = dataclasses.replace(MLP, architecture=NETWORKS[name], optimizer=OPTIMIZERS["nesterov"])
        for engine in runs_of(plan):
            agree(plan, engine, 1e-9)

    @pytest.mark.parametrize("name", CHAINS)
    def test_blocks_of_batches_change_nothing(self, name: str) -> None:
        """Plain SGD with decay, whose first layer changes once in a block."""
        plan = dataclasses.replace(MLP, architecture=CHAINS[name], optimizer=OPTIMIZERS["sgd-decay"])
        agree(plan, "fused", 1e-9)

    @pytest.mark.parametrize("batch_size", [5, 8, 44])
    @pytest.mark.parametrize("name", CHAINS)
    def test_recorded_blocks_change_nothing(self, name: str, batch_size: int) -> None:
        """Plain SGD as a GPU's tensor cores take it, whose first layer changes once in eight batches."""
        plan = dataclasses.replace(MLP, architecture=CHAINS[name], precision="tf32", batch_size=batch_size)
        agree(plan, "graphs", 1e-9)

    @pytest.mark.parametrize("name", NORMALIZED)
    def test_batchnorm(self, name: str) -> None:
        """Running figures too."""
        for engine in ("resident", "graphs"):
            agree(dataclasses.replace(MLP, architecture=NORMALIZED[name]), engine, 1e-8)

    @pytest.mark.parametrize("decay", [0.0, 0.2, 0.99])
    @pytest.mark.parametrize("optimizer", OPTIMIZERS)
    def test_the_average_of_the_weights(self, optimizer: str, decay: float) -> None:
        """Under every optimizer; while it warms up, and when its decay is the plan's own."""
        average = WeightAveragePlan(decay=decay)
        plan = dataclasses.replace(MLP, optimizer=OPTIMIZERS[optimizer], weight_average=average)
        assert runs_of(plan) == ["graphs", "resident"]
        for engine in runs_of(plan):
            agree(plan, engine, 1e-9)

    @pytest.mark.parametrize("name", NORMALIZED)
    def test_the_average_of_batchnorm(self, name: str) -> None:
        """Running figures too."""
        average = WeightAveragePlan(decay=0.2)
        for engine in ("resident", "graphs"):
            agree(dataclasses.replace(MLP, architecture=NORMALIZED[name], weight_average=average), engine, 1e-8)

    @pytest.mark.parametrize("batch_size", [1, 5, 44, 100])
    def test_every_way_that_the_last_batch_can_end(self, batch_size: int) -> None:
        """Single images, a short last batch, one batch that is all, and one that is not even full."""
        plan = dataclasses.replace(MLP, batch_size=batch_size)
        for engine in runs_of(plan):
            agree(plan, engine, 1e-9)


def steps(plan: TrainingPlan, engine: str, count: int) -> list[float]:
    """The losses of the first batches."""
    runner = engines.ENGINES[engine](plan, DATA, CPU)
    tally = Tally(1, len(DATA.train), plan.batch_size, CPU)
    runner.run_epoch(tally, [plan.optimizer.lr] * tally.steps, lambda: None)
    losses: list[float] = tally.state()["losses"].tolist()
    return losses[:count]


@pytest.mark.parametrize("engine", runs_of(MLP))
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_fp32_over_ten_steps(engine: str, optimizer: str) -> None:
    """Batch by batch to 1e-6, as far as ten steps."""
    plan = dataclasses.replace(MLP, batch_size=4, optimizer=OPTIMIZERS[optimizer])
    assert steps(plan, engine, 10) == pytest.approx(steps(plan, "reference", 10), rel=1e-6)


@pytest.mark.parametrize("engine", runs_of(MLP))
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_fp32_over_two_epochs(engine: str, optimizer: str) -> None:
    """To 1e-4."""
    agree(dataclasses.replace(MLP, optimizer=OPTIMIZERS[optimizer], batch_size=4), engine, 1e-4)


@pytest.mark.parametrize("engine", runs_of(MLP))
@pytest.mark.parametrize("optimizer", ["sgd", "nesterov", "adam"])
def test_bf16_over_five_epochs(engine: str, optimizer: str) -> None:
    """Within 2 % of autocast in each epoch."""
    plan = dataclasses.replace(MLP, precision="bf16", epochs=5, optimizer=OPTIMIZERS[optimizer])
    theirs, ours = both(plan, engine)
    for reference, epoch in zip(theirs.epochs, ours.epochs, strict=True):
        assert epoch.train_loss == pytest.approx(reference.train_loss, rel=0.02)
        assert epoch.val_loss == pytest.approx(reference.val_loss, rel=0.02)


@pytest.mark.parametrize("name", NORMALIZED)
def test_batchnorm_drifts_no_further_than_a_twin(name: str) -> None:
    """Two runs one ulp apart drift through BatchNorm; an engine's may be ten times as far from the reference."""
    plan = dataclasses.replace(MLP, architecture=NORMALIZED[name], batch_size=11)
    reference, twin = losses_of(plan, "reference"), losses_of(plan, "reference", nudge=True)
    drift = (twin - reference).abs().max()
    ours = losses_of(plan, "resident")
    assert (ours - reference).abs().max() <= max(10 * float(drift), 1e-6)


def losses_of(plan: TrainingPlan, engine: str, *, nudge: bool = False) -> Tensor:
    """Two epochs' losses, batch by batch; with the first weight nudged by one ulp, if asked."""
    runner = engines.ENGINES[engine](plan, DATA, CPU)
    if nudge:
        weight = next(runner.network.parameters()).detach()
        weight.copy_(torch.nextafter(weight, torch.full_like(weight, torch.inf)))
    losses = []
    for epoch in (1, 2):
        tally = Tally(epoch, len(DATA.train), plan.batch_size, CPU)
        runner.run_epoch(tally, [plan.optimizer.lr] * tally.steps, lambda: None)
        losses.append(tally.state()["losses"].clone())
    return torch.cat(losses)
