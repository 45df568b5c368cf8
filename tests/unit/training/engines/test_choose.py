"""Which engine runs a plan."""

from __future__ import annotations

import dataclasses
import json
from contextlib import nullcontext
from typing import Any, get_args

import pytest
import torch

from shared.errors import InvalidSpec
from shared.spec import Caps, parse_spec
from shared.spec.training import Training
from tests.unit.training.tiny import CONVNET, CPU, tiny_plan
from worker.training import engines
from worker.training.errors import InvalidPlan
from worker.training.plan import LayerPlan, LayersPlan, WeightAveragePlan, plan_from_spec

CUDA = torch.device("cuda")
CHAIN = LayersPlan((LayerPlan("flatten"), LayerPlan("linear", (("out_features", 2),)), LayerPlan("tanh")))
ON_PIXELS = LayersPlan((LayerPlan("linear", (("out_features", 2),)), LayerPlan("flatten")))


@pytest.mark.parametrize(
    "architecture, name",
    [(tiny_plan().architecture, "fused"), (CHAIN, "fused"), (CONVNET, "resident"), (ON_PIXELS, "resident")],
    ids=["mlp", "chain", "convnet", "on pixels"],
)
def test_auto_takes_the_fastest_that_fits(architecture: LayersPlan, name: str) -> None:
    """Fully connected networks are fused; everything else keeps its data resident."""
    assert engines.choose("auto", tiny_plan(architecture=architecture), CPU).name == name


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


@pytest.mark.parametrize(
    "layers, fits",
    [
        ([{"kind": "flatten"}, {"kind": "linear", "out_features": 2}, {"kind": "tanh"}, {"kind": "dropout"}], True),
        ([{"kind": "tanh"}, {"kind": "flatten"}, {"kind": "linear", "out_features": 2}], False),
        ([{"kind": "flatten"}, {"kind": "linear", "out_features": 2}, {"kind": "batchnorm"}], False),
        ([{"kind": "flatten"}, {"kind": "linear", "out_features": 2}, {"kind": "scale", "factor": 2.0}], False),
    ],
)
def test_a_submission_is_told_what_the_fused_engine_takes(layers: list[dict[str, Any]], fits: bool) -> None:
    """The spec refuses it for exactly those networks that the engine does not take."""
    document = {"architecture": {"kind": "layers", "layers": layers}}
    stored = json.loads(json.dumps(parse_spec(document, Caps()).document))
    assert engines.ENGINES["fused"].fits(plan_from_spec(stored), CPU) == fits
    with nullcontext() if fits else pytest.raises(InvalidSpec, match="fully connected"):
        parse_spec({**document, "training": {"engine": "fused"}}, Caps())


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
