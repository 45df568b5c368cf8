"""Plans: read from a stored spec, checked at birth."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest

from shared.jobspec import Caps, parse_spec
from tests.unit.training.tiny import DATASET, tiny_plan
from worker.training.errors import InvalidPlan
from worker.training.plan import (
    AugmentPlan,
    DatasetPlan,
    EarlyStoppingPlan,
    LayerPlan,
    LayersPlan,
    MlpPlan,
    OptimizerPlan,
    SchedulePlan,
    TorchvisionPlan,
    TrainingPlan,
    WeightAveragePlan,
    plan_from_spec,
)


def stored(document: dict[str, Any]) -> dict[str, Any]:
    """The spec as the database holds it: through JSON, with every default in."""
    expanded: dict[str, Any] = json.loads(json.dumps(parse_spec(document, Caps()).document))
    return expanded


def test_a_preset_becomes_the_notebooks_plan() -> None:
    """The tapered preset asks for what the notebook does."""
    plan = plan_from_spec(stored({"preset": "notebook-tapered"}))
    assert plan == TrainingPlan(
        DatasetPlan("cifar10", ("airplane", "bird")),
        MlpPlan((1024, 512, 128), "tanh", "log_softmax"),
        epochs=100,
        batch_size=64,
        optimizer=OptimizerPlan("sgd", lr=0.01),
    )


@pytest.mark.parametrize(
    "optimizer, expected",
    [
        (
            {"kind": "sgd", "lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.01},
            OptimizerPlan("sgd", lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.01),
        ),
        ({"kind": "adam"}, OptimizerPlan("adam", lr=0.001)),
        ({"kind": "adamw", "betas": [0.8, 0.9]}, OptimizerPlan("adamw", 0.001, 0.01, betas=(0.8, 0.9))),
    ],
)
def test_every_optimizer_is_read(optimizer: dict[str, Any], expected: OptimizerPlan) -> None:
    """Each kind of optimizer arrives with its fields and the spec's defaults."""
    plan = plan_from_spec(stored({"preset": "notebook-linear", "training": {"optimizer": optimizer}}))
    assert plan.optimizer == expected


@pytest.mark.parametrize(
    "schedule, expected",
    [
        ({"kind": "constant"}, SchedulePlan()),
        ({"kind": "step", "step_epochs": 7, "gamma": 0.5}, SchedulePlan("step", step_epochs=7, gamma=0.5)),
        ({"kind": "cosine", "min_lr": 0.001}, SchedulePlan("cosine", min_lr=0.001)),
        ({"kind": "one_cycle"}, SchedulePlan("one_cycle")),
        (
            {
                "kind": "one_cycle",
                "pct_start": 0.2,
                "anneal_strategy": "linear",
                "div_factor": 5,
                "final_div_factor": 20,
            },
            SchedulePlan("one_cycle", pct_start=0.2, anneal_strategy="linear", div_factor=5.0, final_div_factor=20.0),
        ),
    ],
)
def test_every_schedule_is_read(schedule: dict[str, Any], expected: SchedulePlan) -> None:
    """Each kind of schedule arrives with its fields."""
    plan = plan_from_spec(stored({"preset": "notebook-linear", "training": {"schedule": schedule}}))
    assert plan.schedule == expected


def test_the_rest_of_a_spec_is_read() -> None:
    """Layers, augmentation, early stopping, precision, limits per class and threads arrive."""
    layers = [{"kind": "flatten"}, {"kind": "linear", "out_features": 2}]
    plan = plan_from_spec(
        stored(
            {
                "dataset": {"name": "synthetic", "train_per_class": 9, "val_per_class": 3, "normalize": "computed"},
                "architecture": {"kind": "layers", "layers": layers, "output": "softmax"},
                "training": {
                    "augment": [{"kind": "flip"}, {"kind": "crop", "padding": 2}, {"kind": "cutout", "size": 5}],
                    "early_stopping": {"monitor": "val_accuracy", "patience": 4, "min_delta": 0.5},
                    "weight_average": {"kind": "ema", "decay": 0.9},
                    "precision": "bf16",
                    "seed": 11,
                    "shuffle": False,
                },
                "resources": {"threads": 2},
            }
        )
    )
    assert plan.dataset == DatasetPlan("synthetic", ("airplane", "bird"), "computed", 9, 3)
    assert isinstance(plan.architecture, LayersPlan)
    assert [layer.kind for layer in plan.architecture.layers] == ["flatten", "linear"]
    assert plan.architecture.output == "softmax"
    assert plan.augment == (AugmentPlan("flip"), AugmentPlan("crop", padding=2), AugmentPlan("cutout", size=5))
    assert plan.early_stopping == EarlyStoppingPlan("val_accuracy", 4, 0.5)
    assert plan.weight_average == WeightAveragePlan(decay=0.9)
    assert (plan.precision, plan.seed, plan.shuffle, plan.threads) == ("bf16", 11, False, 2)


def test_residual_blocks_are_read() -> None:
    """The layers within them are layers of the plan too, and change its digest."""
    inner = [{"kind": "linear", "out_features": 2, "bias": False}, {"kind": "scale", "factor": 0.5}]

    def plan(shortcut: list[dict[str, Any]]) -> TrainingPlan:
        block = {"kind": "residual", "layers": inner, "shortcut": shortcut}
        layers = [{"kind": "flatten"}, {"kind": "linear", "out_features": 2}, block]
        return plan_from_spec(stored({"architecture": {"kind": "layers", "layers": layers}}))

    assert isinstance(plan([]).architecture, LayersPlan)
    made = plan(inner).architecture.layers[2]  # type: ignore[union-attr]
    assert made.option("layers") == made.option("shortcut")
    assert made.option("layers")[0] == LayerPlan("linear", (("bias", False), ("out_features", 2)))
    assert hash(plan(inner)) == hash(plan(inner))
    assert len({plan([]).digest, plan(inner).digest, plan(inner[:1]).digest}) == 3


def test_torchvision_networks_are_read() -> None:
    """By name, with their output."""
    architecture = {"kind": "torchvision", "network": "resnet18", "output": "logits"}
    assert plan_from_spec(stored({"architecture": architecture})).architecture == TorchvisionPlan("resnet18", "logits")


def test_a_plan_is_hashable() -> None:
    """Lists of the document become tuples, so that a plan can be a key."""
    document = stored({"preset": "notebook-linear", "training": {"augment": [{"kind": "flip"}]}})
    assert hash(plan_from_spec(document)) == hash(plan_from_spec(document))


@pytest.mark.parametrize(
    "change",
    [
        {"training": {"weight_average": {"kind": "swa"}}},
        {"training": {"nonsense": 1}},
        {"architecture": {"kind": "torchvision"}},
        {"architecture": {"kind": "transformer"}},
        {"architecture": {"kind": "mlp"}},
    ],
)
def test_a_spec_of_another_version_is_refused(change: dict[str, Any]) -> None:
    """What this worker does not know is an InvalidPlan, not a crash."""
    document = stored({"preset": "notebook-linear"})
    for part, fields in change.items():
        document[part] = fields if part == "architecture" else document[part] | fields
    with pytest.raises(InvalidPlan):
        plan_from_spec(document)


@pytest.mark.parametrize(
    "fields",
    [
        {"epochs": 0},
        {"batch_size": 0},
        {"seed": -1},
        {"label_smoothing": 1.0},
        {"precision": "fp8"},
        {"threads": 0},
    ],
)
def test_a_plan_out_of_range_cannot_be_made(fields: dict[str, Any]) -> None:
    """Values out of range are refused at birth."""
    with pytest.raises(InvalidPlan):
        tiny_plan(**fields)


@pytest.mark.parametrize(
    "kind, fields",
    [
        (DatasetPlan, {"name": "synthetic", "classes": ("bird",)}),
        (DatasetPlan, {"name": "synthetic", "classes": ("bird", "bird")}),
        (DatasetPlan, {"name": "synthetic", "classes": ("a", "b"), "normalize": "maybe"}),
        (DatasetPlan, {"name": "synthetic", "classes": ("a", "b"), "train_per_class": 0}),
        (MlpPlan, {"hidden": (0,)}),
        (MlpPlan, {"hidden": (), "output": "odds"}),
        (LayersPlan, {"layers": ()}),
        (TorchvisionPlan, {"network": "resnet18", "output": "odds"}),
        (OptimizerPlan, {"kind": "lion"}),
        (OptimizerPlan, {"lr": 0.0}),
        (OptimizerPlan, {"lr": float("nan")}),
        (OptimizerPlan, {"momentum": 1.0}),
        (OptimizerPlan, {"nesterov": True}),
        (OptimizerPlan, {"betas": (0.9, 1.0)}),
        (OptimizerPlan, {"eps": 0.0}),
        (OptimizerPlan, {"weight_decay": -1.0}),
        (SchedulePlan, {"kind": "zigzag"}),
        (SchedulePlan, {"step_epochs": 0}),
        (SchedulePlan, {"gamma": 0.0}),
        (SchedulePlan, {"min_lr": -0.1}),
        (SchedulePlan, {"pct_start": 1.5}),
        (SchedulePlan, {"anneal_strategy": "bumpy"}),
        (SchedulePlan, {"div_factor": 0.5}),
        (SchedulePlan, {"final_div_factor": 0.0}),
        (AugmentPlan, {"kind": "blur"}),
        (AugmentPlan, {"kind": "crop", "padding": 0}),
        (AugmentPlan, {"kind": "crop", "padding_mode": "wrap"}),
        (AugmentPlan, {"kind": "cutout", "size": 0}),
        (EarlyStoppingPlan, {"monitor": "weather"}),
        (WeightAveragePlan, {"decay": 1.0}),
        (WeightAveragePlan, {"kind": "swa"}),
        (EarlyStoppingPlan, {"patience": 0}),
        (EarlyStoppingPlan, {"min_delta": -1.0}),
    ],
)
def test_a_part_out_of_range_cannot_be_made(kind: type[Any], fields: dict[str, Any]) -> None:
    """Each part checks itself when it is made."""
    with pytest.raises(InvalidPlan):
        kind(**fields)


def test_the_digest_names_the_run_and_not_the_engine() -> None:
    """Every field changes the digest but the engine, which may never change a result."""
    plan = tiny_plan()
    assert dataclasses.replace(plan, engine="reference").digest == plan.digest
    others = [
        tiny_plan(seed=1),
        tiny_plan(threads=2),
        tiny_plan(weight_average=WeightAveragePlan()),
        tiny_plan(architecture=MlpPlan((9,))),
        tiny_plan(dataset=dataclasses.replace(DATASET, train_per_class=4)),
    ]
    assert len({plan.digest, *(other.digest for other in others)}) == 6
