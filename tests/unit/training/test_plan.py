"""Plans: read from a stored spec, and the same as it says."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from typing import Any, Literal, get_args, get_origin, get_type_hints

import pytest

from shared.jobspec import Caps, JobSpec, parse_spec
from shared.jobspec.fields.base import Part
from shared.jobspec.fields.job import Limits, Resources
from shared.jobspec.fields.training import Training
from tests.unit.training.tiny import DATASET, tiny_plan
from worker.training import plan as plans
from worker.training.errors import InvalidPlan
from worker.training.plan import (
    AdamPlan,
    AdamWPlan,
    ConstantPlan,
    CosinePlan,
    CropPlan,
    CutoutPlan,
    DatasetPlan,
    EarlyStoppingPlan,
    FlipPlan,
    LayersPlan,
    LinearPlan,
    MlpPlan,
    OneCyclePlan,
    OptimizerPlan,
    ResidualPlan,
    ScalePlan,
    SchedulePlan,
    SgdPlan,
    StepPlan,
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
        optimizer=SgdPlan(lr=0.01),
    )


@pytest.mark.parametrize(
    "optimizer, expected",
    [
        (
            {"kind": "sgd", "lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.01},
            SgdPlan(lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.01),
        ),
        ({"kind": "adam"}, AdamPlan(lr=0.001)),
        ({"kind": "adamw", "betas": [0.8, 0.9]}, AdamWPlan(lr=0.001, weight_decay=0.01, betas=(0.8, 0.9))),
    ],
)
def test_every_optimizer_is_read(optimizer: dict[str, Any], expected: OptimizerPlan) -> None:
    """Each kind of optimizer arrives with its fields and the spec's defaults."""
    plan = plan_from_spec(stored({"preset": "notebook-linear", "training": {"optimizer": optimizer}}))
    assert plan.optimizer == expected


@pytest.mark.parametrize(
    "schedule, expected",
    [
        ({"kind": "constant"}, ConstantPlan()),
        ({"kind": "step", "step_epochs": 7, "gamma": 0.5}, StepPlan(step_epochs=7, gamma=0.5)),
        ({"kind": "cosine", "min_lr": 0.001}, CosinePlan(min_lr=0.001)),
        ({"kind": "one_cycle"}, OneCyclePlan()),
        (
            {
                "kind": "one_cycle",
                "pct_start": 0.2,
                "anneal_strategy": "linear",
                "div_factor": 5,
                "final_div_factor": 20,
            },
            OneCyclePlan(pct_start=0.2, anneal_strategy="linear", div_factor=5.0, final_div_factor=20.0),
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
    assert plan.augment == (FlipPlan(), CropPlan(padding=2), CutoutPlan(size=5))
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
    assert isinstance(made, ResidualPlan)
    assert made.layers == made.shortcut == (LinearPlan(2, bias=False), ScalePlan(0.5))
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
    "change, known",
    [
        ({"training": {"weight_average": {"kind": "swa"}}}, ["'swa'", "weight_average", "ema"]),
        ({"training": {"nonsense": 1}}, ["'nonsense'", "epochs"]),
        ({"training": {"optimizer": {"kind": "lion"}}}, ["'lion'", "optimizer", "sgd, adam"]),
        ({"training": {"optimizer": {"kind": "sgd", "dampening": 0.1}}}, ["'dampening'", "optimizer", "momentum"]),
        ({"training": {"schedule": {"kind": "zigzag"}}}, ["'zigzag'", "schedule", "cosine"]),
        ({"training": {"augment": [{"kind": "blur"}]}}, ["'blur'", "augment", "cutout"]),
        ({"training": {"augment": [{"kind": "crop", "padding_mode": "wrap"}]}}, ["'wrap'", "augment.padding_mode"]),
        ({"training": {"early_stopping": {"monitor": "weather"}}}, ["'weather'", "val_loss"]),
        ({"training": {"precision": "fp8"}}, ["'fp8'", "precision", "bf16"]),
        ({"architecture": {"kind": "torchvision"}}, ["network"]),
        ({"architecture": {"kind": "transformer"}}, ["'transformer'", "architecture", "mlp"]),
        ({"architecture": {"kind": "mlp"}}, ["hidden"]),
        ({"architecture": {"hidden": [4]}}, ["kind"]),
        ({"architecture": {"kind": "mlp", "hidden": [4], "output": "odds"}}, ["'odds'", "architecture.output"]),
        ({"architecture": {"kind": "mlp", "hidden": [4], "activation": "mish"}}, ["'mish'", "tanh"]),
        ({"architecture": {"kind": "layers", "layers": [{"kind": "wormhole"}]}}, ["'wormhole'", "conv2d", "relu"]),
        (
            {"architecture": {"kind": "layers", "layers": [{"kind": "residual", "layers": [{"kind": "whitening"}]}]}},
            ["'whitening'", "architecture.layers.layers"],
        ),
    ],
    ids=str,
)
def test_a_spec_of_another_version_is_refused(change: dict[str, Any], known: list[str]) -> None:
    """What this worker does not know is an InvalidPlan that names it, its place, and what is known there."""
    document = stored({"preset": "notebook-linear"})
    for part, fields in change.items():
        document[part] = fields if part == "architecture" else document[part] | fields
    with pytest.raises(InvalidPlan) as error:
        plan_from_spec(document)
    assert all(word in str(error.value) for word in known), str(error.value)


def parts_of(annotation: Any) -> Iterator[type[Any]]:
    """The classes of a union, of a tuple's or optional's items, and of what these are made of."""
    for part in (annotation, *get_args(annotation)):
        if isinstance(part, type) and issubclass(part, Part):
            yield part
            for field in part.model_fields.values():
                yield from parts_of(field.annotation)
        elif part is not annotation:
            yield from parts_of(part)


def kinds_of(part: type[Any]) -> tuple[str, ...]:
    """The kinds that a class of the spec stands for."""
    return get_args(part.model_fields["kind"].annotation) if "kind" in part.model_fields else ()


SPEC_PARTS = sorted({*parts_of(JobSpec)} - {JobSpec, Resources, Limits}, key=lambda part: part.__name__)
PLAN_PARTS = [part for part in vars(plans).values() if isinstance(part, type) and dataclasses.is_dataclass(part)]


def plan_of(part: type[Any]) -> type[Any]:
    """The plan's class for one of the spec's: by its kind, or else by its name."""
    by_kind = {getattr(each, "kind", None): each for each in PLAN_PARTS}
    by_name = {each.__name__: each for each in PLAN_PARTS}
    kinds = kinds_of(part)
    return by_kind[kinds[0]] if kinds and kinds[0] in by_kind else by_name[f"{part.__name__}Plan"]


@pytest.mark.parametrize("part", SPEC_PARTS)
def test_a_plan_has_the_specs_fields_and_defaults(part: type[Any]) -> None:
    """Each class of the spec has one here, with the same fields, choices and defaults: two sets of them never drift."""
    fields = {field.name: field for field in dataclasses.fields(plan_of(part))}
    own = {"threads", "dataset", "architecture"} if part is Training else set()  # stand elsewhere in the spec
    left_out = {"loss"} if part is Training else set() if "kind" in fields else {"kind"}
    assert fields.keys() - own == part.model_fields.keys() - left_out
    for name in fields.keys() - own:
        field, asked = fields[name], part.model_fields[name]
        if field.default_factory is not dataclasses.MISSING:
            assert field.default_factory() == plan_of(type(asked.default))()
        elif field.default is not dataclasses.MISSING:
            assert field.default == asked.default
        if get_origin(asked.annotation) is Literal and name not in {"engine", "network"}:  # names are looked up
            assert set(get_args(get_type_hints(plan_of(part))[name])) == set(get_args(asked.annotation))


def test_every_class_of_a_plan_has_one_in_the_spec() -> None:
    """Nothing can be trained that cannot be asked for."""
    assert {plan_of(part) for part in SPEC_PARTS} == {*PLAN_PARTS} - {TrainingPlan} | {plan_of(Training)}


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
