"""Which engine runs a plan."""

from __future__ import annotations

import dataclasses
import itertools
from typing import Any, get_args

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.jobspec import JobSpec
from shared.jobspec.checks.rules import engine_misfits
from shared.jobspec.fields.layers import ActivationName
from shared.jobspec.fields.training import Training
from tests.unit.training.tiny import CONVNET, CPU, tiny_plan
from worker.training import engines
from worker.training.engines.fused.program import FusedEngine
from worker.training.errors import InvalidPlan
from worker.training.plan import (
    ActivationPlan,
    FlattenPlan,
    LayerPlan,
    LayersPlan,
    LinearPlan,
    WeightAveragePlan,
    plan_from_spec,
)

CUDA = torch.device("cuda")
CHAIN = LayersPlan((FlattenPlan(), LinearPlan(out_features=2), ActivationPlan("tanh")))
ON_PIXELS = LayersPlan((LinearPlan(out_features=2), FlattenPlan()))
LAYERS: list[dict[str, Any]] = [
    {"kind": "linear", "out_features": 3},
    {"kind": "conv2d", "out_channels": 3, "kernel_size": 1},
    {"kind": "maxpool2d", "kernel_size": 1},
    {"kind": "avgpool2d", "kernel_size": 1},
    {"kind": "batchnorm"},
    {"kind": "dropout"},
    {"kind": "scale", "factor": 0.5},
    {"kind": "groupnorm", "num_groups": 1},
    {"kind": "layernorm"},
    {"kind": "global_avgpool"},
    {"kind": "residual", "layers": [{"kind": "relu"}]},
    *({"kind": kind} for kind in ("flatten", *get_args(ActivationName))),
]
STARTS: list[list[dict[str, Any]]] = [
    [],
    [{"kind": "flatten"}, {"kind": "linear", "out_features": 2}],
    [{"kind": "whitening", "kernel_size": 2}],
]
OTHERS: list[dict[str, Any]] = [{"kind": "mlp", "hidden": [3]}, {"kind": "torchvision", "network": "resnet18"}]


@pytest.mark.parametrize(
    "architecture, name",
    [(tiny_plan().architecture, "fused"), (CHAIN, "fused"), (CONVNET, "resident"), (ON_PIXELS, "resident")],
    ids=["mlp", "chain", "convnet", "on pixels"],
)
def test_auto_takes_the_fastest_that_fits(architecture: LayersPlan, name: str) -> None:
    """Fully connected networks are fused; everything else keeps its data resident."""
    assert engines.choose("auto", tiny_plan(architecture=architecture), CPU).name == name


@pytest.mark.parametrize("architecture", [tiny_plan().architecture, CONVNET], ids=["mlp", "convnet"])
def test_auto_takes_graphs_on_a_gpu(architecture: LayersPlan) -> None:
    """For every network: `make gpu` has held them to the reference on one."""
    assert engines.choose("auto", tiny_plan(architecture=architecture), CUDA).name == "graphs"


def test_an_average_is_not_fused() -> None:
    """It needs every step's weights."""
    assert engines.choose("auto", tiny_plan(weight_average=WeightAveragePlan()), CPU).name == "resident"


def test_a_name_is_taken_at_its_word() -> None:
    """The reference stays choosable, and so does everything that fits."""
    for name, engine in engines.ENGINES.items():
        if engine.fits(tiny_plan(), CPU):
            assert engines.choose(name, tiny_plan(), CPU) is engine


def test_an_engine_that_does_not_fit_is_refused() -> None:
    """With a message that says what does."""
    with pytest.raises(InvalidPlan, match="auto takes one that can"):
        engines.choose("fused", tiny_plan(architecture=CONVNET), CPU)
    with pytest.raises(InvalidPlan, match="auto takes one that can"):
        engines.choose("fused", tiny_plan(), CUDA)


@settings(max_examples=300)
@given(
    st.sampled_from(STARTS),
    st.lists(st.sampled_from(LAYERS), min_size=1, max_size=5),
    st.sampled_from([None, {"kind": "ema"}]),
    st.sampled_from(["cpu", "cuda"]),
)
def test_what_cannot_be_fused_is_refused_when_it_is_submitted(
    start: list[dict[str, Any]], layers: list[dict[str, Any]], average: dict[str, Any] | None, device: str
) -> None:
    """By a rule that agrees with the engine's own, whatever the layers, in any order, the average and the device."""
    recipe = {"training": {"engine": "fused", "weight_average": average}, "resources": {"device": device}}
    for architecture in ({"kind": "layers", "layers": [*start, *layers]}, *OTHERS):
        spec = JobSpec.model_validate({"architecture": architecture, **recipe})
        plan = plan_from_spec(spec.model_dump(mode="json"))
        assert (not engine_misfits(spec)) == FusedEngine.fits(plan, torch.device(device))


def test_every_kind_of_layer_was_tried() -> None:
    """The two rules are held together over all of them."""
    named = {layer.kind for layer in get_args(LayerPlan) if layer is not ActivationPlan}
    assert {layer["kind"] for layer in [*LAYERS, *itertools.chain(*STARTS)]} == named | {*get_args(ActivationName)}


def test_an_unknown_name_is_refused() -> None:
    """With the names that there are."""
    with pytest.raises(InvalidPlan, match="reference"):
        engines.choose("warp", tiny_plan(), CPU)


def test_the_choice_depends_on_the_plan_and_the_kind_of_device_alone() -> None:
    """So that every attempt takes the same: seeds and sizes of the split play no part."""
    plans = [tiny_plan(seed=seed, epochs=seed + 1) for seed in range(3)]
    assert len({engines.choose("auto", plan, CPU) for plan in plans}) == 1


def test_a_spec_can_name_every_engine() -> None:
    """The names in the job's spec are those of the engines, and auto."""
    assert set(get_args(Training.model_fields["engine"].annotation)) == {"auto", *engines.ENGINES}
    assert all(dataclasses.replace(tiny_plan(), engine=name) for name in engines.ENGINES)


@pytest.mark.parametrize(
    "asked, name, architecture, goes_on",
    [
        ("auto", "resident", tiny_plan().architecture, True),
        ("auto", "reference", CONVNET, True),
        ("auto", "fused", CONVNET, False),
        ("auto", "warp", tiny_plan().architecture, False),
        ("fused", "resident", tiny_plan().architecture, False),
    ],
)
def test_a_run_goes_on_with_the_engine_that_began_it(
    asked: str, name: str, architecture: LayersPlan, goes_on: bool
) -> None:
    """Where the job names none, and it fits here; a job that names one keeps to that."""
    assert engines.may_resume(name, tiny_plan(engine=asked, architecture=architecture), CPU) is goes_on
