"""A notebook, run top to bottom by a Python that knows nothing of Flightline, has its job's figures to the last bit."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any, get_args

import nbformat
import pytest
import torch

from shared.jobspec import PRESETS, Caps, parse_spec
from shared.jobspec.fields.architecture import NetworkName
from shared.jobspec.fields.job import Dataset
from shared.jobspec.fields.layers import ActivationName, Layer
from shared.jobspec.fields.training import Augmentation, Optimizer, Schedule, Training
from shared.notebook import notebook_of
from tests.support.notebooks import Kernel, Ran, record_of
from tests.unit.training.tiny import Recording, every_state, raises_after, tiny_data
from worker.training.data import LoadedDataset
from worker.training.data.records import loaded_dataset
from worker.training.data.sources.synthetic import draw_split
from worker.training.errors import StopRequested
from worker.training.plan import TrainingPlan, plan_from_spec
from worker.training.results import EpochResult
from worker.training.state.checkpoints import State
from worker.training.trainer import train

pytestmark = pytest.mark.usefixtures("one_thread")

TRAIN, VAL = 22, 10  # pictures of each class: batches of 8 leave a last one of 4
DATASET = {"name": "synthetic", "train_per_class": TRAIN, "val_per_class": VAL}
TRAINING = {"epochs": 3, "batch_size": 8, "engine": "reference", "seed": 5}
MLP = {"kind": "mlp", "hidden": [16]}


def job(architecture: Mapping[str, Any] = MLP, dataset: Mapping[str, Any] = DATASET, **training: Any) -> dict[str, Any]:
    """A job of three epochs on a few drawings."""
    return {"architecture": architecture, "dataset": dataset, "training": {**TRAINING, **training}}


def layers(*rows: Mapping[str, Any] | str, output: str = "logits") -> dict[str, Any]:
    """A network layer by layer; a layer without fields is its kind alone."""
    return {"kind": "layers", "output": output, "layers": [{"kind": r} if isinstance(r, str) else r for r in rows]}


def conv(channels: int, **fields: Any) -> dict[str, Any]:
    """A convolution of 3 × 3."""
    return {"kind": "conv2d", "out_channels": channels, "kernel_size": 3, **fields}


def planned(document: Mapping[str, Any]) -> TrainingPlan:
    """The plan of a document."""
    return plan_from_spec(parse_spec(document, Caps()).document)


def figures(epochs: list[EpochResult]) -> dict[str, list[float]]:
    """The figures of a run as a notebook has them."""
    names = ("train_loss", "train_accuracy", "val_loss", "val_accuracy")
    return {name: [getattr(epoch, name) for epoch in epochs] for name in names}


def repeated(kernel: Kernel, document: Mapping[str, Any]) -> Ran:
    """What the notebook of a job on drawings has after its run; it must be what the job has."""
    run = Recording(planned(document), tiny_data(TRAIN, VAL))
    return same_as(run, kernel, notebook_of(record_of(document, run.epochs, run.result)))


def same_as(run: Recording, kernel: Kernel, notebook: Mapping[str, Any], before: str = "") -> Ran:
    """What a notebook has after its run; it must be what this run has."""
    nbformat.validate(notebook)
    ran = kernel.run(notebook, before)
    assert ran.history == figures(run.epochs)
    assert ran.best_epoch == run.result.best_epoch
    assert ran.confusion == [list(row) for row in run.result.evaluations["best"].confusion_matrix]
    assert ran.weights == list(run.result.weights["last"])  # so that the job's files load
    assert "These are the job's images." in ran.printed
    return ran


@pytest.mark.parametrize("preset", PRESETS)
def test_presets(kernel: Kernel, preset: str) -> None:
    """The notebook's own three networks, and the convnet with its whole recipe."""
    ran = repeated(kernel, {"preset": preset, "dataset": DATASET, "training": TRAINING})
    assert "largest difference" in ran.printed
    assert ran.printed.count(" 0.0e+00") == 4


LAYERS = {
    "convolutions": layers(
        conv(4, stride=2),
        "batchnorm",
        "relu",
        {"kind": "maxpool2d", "kernel_size": 2},
        conv(6, padding=1, groups=2, dilation=1, bias=False),
        {"kind": "batchnorm", "momentum": 0.4},
        {"kind": "avgpool2d", "kernel_size": 3, "stride": 2, "padding": 1},
        "flatten",
        {"kind": "dropout", "p": 0.3},
        "linear",
    ),
    "residual": layers(
        conv(4, stride=4),
        {"kind": "residual", "layers": [conv(4, padding=1), {"kind": "relu"}, {"kind": "scale", "factor": 0.5}]},
        {
            "kind": "residual",
            "layers": [conv(6, stride=2, padding=1), {"kind": "batchnorm"}, {"kind": "dropout", "p": 0.3}],
            "shortcut": [conv(6, stride=2, padding=1, bias=False), {"kind": "dropout", "p": 0.2}],
        },
        "flatten",
        {"kind": "linear", "out_features": 8, "bias": False},
        "batchnorm",
        {"kind": "residual", "layers": [{"kind": "linear", "out_features": 8}, {"kind": "gelu"}]},
        "linear",
    ),
    "other norms": layers(
        conv(6, stride=3),
        {"kind": "groupnorm", "num_groups": 3},
        "silu",
        "layernorm",
        {"kind": "maxpool2d", "kernel_size": 3, "stride": 1, "padding": 1},
        "global_avgpool",
        "layernorm",
        {"kind": "groupnorm", "num_groups": 2},
        {"kind": "linear", "out_features": 2},
    ),
    "whitening": layers({"kind": "whitening", "kernel_size": 3}, "tanh", conv(4, stride=3), "flatten", "linear"),
}


@pytest.mark.parametrize("name", LAYERS)
def test_layers(kernel: Kernel, name: str) -> None:
    """Every layer, residual blocks of images and of features, dropout in both of their branches."""
    repeated(kernel, job(LAYERS[name]))


def random_layers(dice: random.Random) -> dict[str, Any]:
    """A network of random layers, with residual blocks, and a random output."""
    channels = dice.choice([4, 6, 8])
    stem = conv(channels, stride=dice.choice([2, 3]), padding=dice.choice([0, 1]), bias=dice.random() < 0.5)
    rows: list[Any] = [stem]
    for _ in range(dice.randint(1, 2)):
        norm = dice.choice([{"kind": "batchnorm"}, {"kind": "groupnorm", "num_groups": 2}, {"kind": "layernorm"}])
        function = {"kind": dice.choice(get_args(ActivationName))}
        shortcut = {"kind": "conv2d", "out_channels": channels, "kernel_size": 1, "stride": 2}
        same = [conv(channels, padding=1), norm, function, {"kind": "dropout", "p": 0.2}]
        halved = [conv(channels, padding=1, stride=2), norm, function]
        rows += [norm, {"kind": "residual", "layers": same}]
        rows += [{"kind": "residual", "layers": halved, "shortcut": [shortcut]}]
    rows += dice.choice([["global_avgpool"], [{"kind": "avgpool2d", "kernel_size": 2}, "flatten"], ["flatten"]])
    rows += dice.choice([[], [{"kind": "linear", "out_features": 7}, "tanh", {"kind": "scale", "factor": 0.5}]])
    return layers(*rows, "linear", output=dice.choice(["logits", "log_softmax", "softmax"]))


@pytest.mark.parametrize("seed", range(20))
def test_random_jobs(kernel: Kernel, seed: int) -> None:
    """Twenty random networks, each with a random recipe."""
    dice = random.Random(seed)
    document = job(
        random_layers(dice),
        seed=seed,
        batch_size=dice.choice([7, 8, 20]),
        precision=dice.choice(["fp32", "bf16"]),
        label_smoothing=dice.choice([0.0, 0.1]),
        optimizer=dice.choice([*OPTIMIZERS.values()]),
        schedule=dice.choice([*SCHEDULES.values()]),
        augment=dice.choice([[], *AUGMENTATIONS.values()]),
        weight_average=dice.choice([None, {"kind": "ema", "decay": 0.9}]),
    )
    repeated(kernel, document)


@pytest.mark.parametrize("activation", get_args(ActivationName))
def test_activations(kernel: Kernel, activation: str) -> None:
    """Every activation."""
    repeated(kernel, job({"kind": "mlp", "hidden": [8, 4], "activation": activation}, epochs=1))


@pytest.mark.parametrize("network", get_args(NetworkName))
def test_networks_of_torchvision(kernel: Kernel, network: str) -> None:
    """Every network, with its first convolution fitted to small images."""
    dataset = {"name": "synthetic", "train_per_class": 3, "val_per_class": 1}
    document = job({"kind": "torchvision", "network": network}, dataset, epochs=1, batch_size=3)
    run = Recording(planned(document), tiny_data(3, 1))
    same_as(run, kernel, notebook_of(record_of(document, run.epochs, run.result)))


@pytest.mark.parametrize("output", ["logits", "log_softmax", "softmax"])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_losses(kernel: Kernel, output: str, smoothing: float) -> None:
    """Every output with its loss, with and without label smoothing."""
    repeated(kernel, job({**MLP, "output": output}, label_smoothing=smoothing))


OPTIMIZERS: dict[str, dict[str, Any]] = {
    "sgd": {"kind": "sgd", "lr": 0.05, "weight_decay": 0.1},
    "momentum": {"kind": "sgd", "lr": 0.02, "momentum": 0.9},
    "nesterov": {"kind": "sgd", "lr": 0.02, "momentum": 0.9, "nesterov": True},
    "adam": {"kind": "adam", "betas": [0.8, 0.99], "eps": 1e-6, "weight_decay": 0.01},
    "adamw": {"kind": "adamw", "weight_decay": 0.1},
    "rmsprop": {"kind": "rmsprop", "lr": 0.001, "alpha": 0.9, "momentum": 0.5, "centered": True, "weight_decay": 0.01},
    "nadam": {"kind": "nadam", "weight_decay": 0.01, "momentum_decay": 0.01},
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_optimizers(kernel: Kernel, name: str) -> None:
    """Every optimizer with every option of its own."""
    repeated(kernel, job(optimizer=OPTIMIZERS[name]))


SCHEDULES: dict[str, dict[str, Any]] = {
    "constant": {"kind": "constant"},
    "step": {"kind": "step", "step_epochs": 2, "gamma": 0.3},
    "cosine": {"kind": "cosine"},
    "cosine to a floor": {"kind": "cosine", "min_lr": 0.001},
    "one_cycle": {"kind": "one_cycle", "div_factor": 7.0, "final_div_factor": 3.0},
    "one_cycle along lines": {"kind": "one_cycle", "anneal_strategy": "linear", "pct_start": 0.45},
    "one_cycle that falls alone": {"kind": "one_cycle", "pct_start": 0.0},
    "warmup_cosine": {"kind": "warmup_cosine", "warmup_epochs": 0.7},
    "warmup_cosine to a floor": {"kind": "warmup_cosine", "warmup_epochs": 1, "min_lr": 0.001},
}


@pytest.mark.parametrize("name", SCHEDULES)
def test_schedules(kernel: Kernel, name: str) -> None:
    """Every schedule: equal losses after many steps need equal rates in each."""
    repeated(kernel, job(schedule=SCHEDULES[name], optimizer={"kind": "sgd", "lr": 0.05, "momentum": 0.9}))


JITTER = {"kind": "color_jitter", "brightness": 0.4, "contrast": 0.3, "saturation": 0.5, "hue": 0.1}
AUGMENTATIONS: dict[str, list[dict[str, Any]]] = {
    "flip": [{"kind": "flip"}],
    "crop": [{"kind": "crop", "padding": 3}],
    "mirrored crop": [{"kind": "crop", "padding": 3, "padding_mode": "reflect"}],
    "cutout": [{"kind": "cutout", "size": 11}],
    "jitter": [JITTER],
    "hue alone": [{"kind": "color_jitter", "hue": 0.5}],
    "contrast alone": [{"kind": "color_jitter", "contrast": 2.0}],
    "all": [JITTER, {"kind": "crop"}, {"kind": "cutout"}, {"kind": "flip"}],
}


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_augmentations(kernel: Kernel, name: str) -> None:
    """Every augmentation alone, all in a row, and a network whose dropout draws beside them."""
    network = layers(conv(4, stride=2), "relu", "flatten", {"kind": "dropout", "p": 0.4}, "linear")
    repeated(kernel, job(network, augment=AUGMENTATIONS[name]))


STOPPING: dict[str, dict[str, Any]] = {
    "val_loss": {"monitor": "val_loss", "patience": 1, "min_delta": 0.5},
    "val_accuracy": {"monitor": "val_accuracy", "patience": 2},
    "train_loss": {"monitor": "train_loss", "patience": 2, "min_delta": 0.1},
}


@pytest.mark.parametrize("monitor", STOPPING)
def test_early_stopping(kernel: Kernel, monitor: str) -> None:
    """The notebook stops in the same epoch."""
    ran = repeated(kernel, job(early_stopping=STOPPING[monitor], epochs=12, optimizer={"kind": "sgd", "lr": 0.002}))
    assert len(ran.history["val_loss"]) < 12


OTHERS: dict[str, dict[str, Any]] = {
    "in order": {"shuffle": False},
    "bf16": {"precision": "bf16"},
    "tf32 on a CPU": {"precision": "tf32"},
    "average": {"weight_average": {"kind": "ema", "decay": 0.9}},
    "average of much": {"weight_average": {"kind": "ema", "decay": 0.1}, "precision": "bf16"},
    "a seed of 32 bits": {"seed": 2**32 - 1},
    "one batch": {"batch_size": 1000},
}


@pytest.mark.parametrize("name", OTHERS)
def test_other_fields(kernel: Kernel, name: str) -> None:
    """Order, precision, weight average of a network with BatchNorm and dropout, seeds and sizes."""
    network = layers(conv(4, stride=2), "batchnorm", "relu", "flatten", {"kind": "dropout", "p": 0.4}, "linear")
    repeated(kernel, job(network, **OTHERS[name]))


@pytest.mark.parametrize("normalize", ["published", "computed", "none"])
@pytest.mark.parametrize("architecture", [MLP, LAYERS["whitening"]], ids=["mlp", "layers"])
def test_normalisation(kernel: Kernel, normalize: str, architecture: dict[str, Any]) -> None:
    """By published figures, by the images' own, and not at all; also before a network that whitens."""
    repeated(kernel, job(architecture, {**DATASET, "normalize": normalize}))


def test_classes_in_another_order(kernel: Kernel) -> None:
    """Labels follow the order of the classes, and so do the rows of the confusion matrix."""
    classes = ("bird", "airplane")
    splits = draw_split(classes, "train", TRAIN), draw_split(classes, "val", VAL)
    data = loaded_dataset("synthetic", "drawn", classes, *splits)
    document = job(dataset={**DATASET, "classes": list(classes)})
    run = Recording(planned(document), data)
    same_as(run, kernel, notebook_of(record_of(document, run.epochs, run.result)))


def test_threads_of_the_job(kernel: Kernel) -> None:
    """A job of two threads is repeated with two."""
    document = {**job(LAYERS["convolutions"]), "resources": {"threads": 2}}
    repeated(kernel, document)


def test_a_resumed_job(kernel: Kernel) -> None:
    """The losses of a job that was interrupted within an epoch are those of its notebook, which runs through."""
    network = layers(conv(4, stride=2), "batchnorm", "relu", "flatten", {"kind": "dropout", "p": 0.4}, "linear")
    document = job(network, augment=AUGMENTATIONS["all"], schedule=SCHEDULES["one_cycle"])
    plan, data, states = planned(document), tiny_data(TRAIN, VAL), list[State]()
    before = list[EpochResult]()
    with pytest.raises(StopRequested):
        train_until(plan, data, before, states)
    after = Recording(plan, data, resume=states[-1])

    epochs = [*before, *after.epochs]
    ran = kernel.run(notebook_of(record_of(document, epochs, after.result)))
    assert len(before) == 1
    assert ran.history == figures(epochs)


def train_until(plan: TrainingPlan, data: LoadedDataset, epochs: list[EpochResult], states: list[State]) -> None:
    """Run until a stop is asked for in the middle of the second epoch; raises StopRequested."""
    check = raises_after(11, StopRequested())
    cpu = torch.device("cpu")
    train(plan, data, cpu, on_epoch=epochs.append, check=check, checkpoints=every_state(states))


@pytest.mark.parametrize("engine", ["fused", "resident"])
def test_jobs_of_other_engines(kernel: Kernel, engine: str) -> None:
    """Their notebooks have the same losses but for rounding, and say so."""
    document = job({"kind": "mlp", "hidden": [64, 16]}, engine=engine, epochs=2)
    run = Recording(planned(document), tiny_data(TRAIN, VAL))
    ran = kernel.run(notebook_of(record_of(document, run.epochs, run.result)))
    for name, theirs in figures(run.epochs).items():
        assert ran.history[name] == pytest.approx(theirs, rel=1e-4)


def kinds(union: Any) -> set[str]:
    """Every kind of a union of parts."""
    members = get_args(get_args(union)[0])
    return {kind for member in members for kind in get_args(member.model_fields["kind"].annotation)}


def kinds_within(value: object) -> set[str]:
    """Every kind that a document names, at any depth."""
    if isinstance(value, Mapping):
        own = {str(value["kind"])} if "kind" in value else set[str]()
        return own.union(*map(kinds_within, value.values()))
    return set[str]().union(*map(kinds_within, value)) if isinstance(value, list) else set[str]()


@pytest.mark.parametrize(
    "union, repeated_here",
    [
        (Optimizer, [*OPTIMIZERS.values()]),
        (Schedule, [*SCHEDULES.values()]),
        (Augmentation, [*AUGMENTATIONS.values()]),
        (Layer, [*LAYERS.values(), *({"kind": kind} for kind in get_args(ActivationName))]),
    ],
    ids=["optimizers", "schedules", "augmentations", "layers"],
)
def test_every_kind_is_repeated_here(union: Any, repeated_here: list[Any]) -> None:
    """A kind that is added to the fields of a job is added to the lists above, too."""
    assert kinds(union) <= kinds_within(repeated_here)


def test_no_field_is_forgotten() -> None:
    """A field that is added to a job is written out in its notebook, and then named here."""
    assert set(Dataset.model_fields) == {
        *("name", "classes", "normalize", "train_per_class", "val_per_class"),
        *("image_size", "channels", "val_fraction", "holdout_fraction"),
    }
    assert set(Training.model_fields) == {
        *("epochs", "batch_size", "shuffle", "seed", "loss", "label_smoothing", "precision", "optimizer", "schedule"),
        *("augment", "early_stopping", "weight_average", "engine"),
    }
