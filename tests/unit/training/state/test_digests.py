"""Digests of plans: fixed for ever, whatever fields later releases add."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest

from tests.golden.releases import checkpoints, later
from tests.golden.releases.make import RELEASES
from tests.unit.training.tiny import CONVNET, DATASET, tiny_plan
from worker.training import plan as plans
from worker.training.plan import (
    AugmentPlan,
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
from worker.training.state.digests import first_digest

_INNER = (LayerPlan("linear", (("bias", False), ("out_features", 2))),)
_BLOCK = LayerPlan("residual", (("layers", _INNER), ("shortcut", ())))
PLANS = {
    "plain": TrainingPlan(DATASET, MlpPlan((512,))),
    "tapered": TrainingPlan(DATASET, MlpPlan((1024, 512, 128), output="logits"), epochs=20, seed=3, threads=2),
    "adam": tiny_plan(optimizer=OptimizerPlan("adam", lr=0.001), precision="bf16", shuffle=False),
    "momentum": tiny_plan(optimizer=OptimizerPlan("sgd", 0.1, momentum=0.9, nesterov=True, weight_decay=0.0005)),
    "layers": tiny_plan(architecture=CONVNET, schedule=SchedulePlan("step", step_epochs=10)),
    "residual": tiny_plan(architecture=LayersPlan((LayerPlan("flatten"), *_INNER, _BLOCK))),
    "torchvision": tiny_plan(architecture=TorchvisionPlan("resnet18"), schedule=SchedulePlan("cosine")),
    "augmented": tiny_plan(augment=(AugmentPlan("crop"), AugmentPlan("flip"), AugmentPlan("cutout", size=4))),
    "stopping": tiny_plan(early_stopping=EarlyStoppingPlan(), weight_average=WeightAveragePlan()),
    "limited": tiny_plan(dataset=dataclasses.replace(DATASET, train_per_class=40, normalize="computed")),
}
DIGESTS = {
    "plain": "89b8ffbd9327d34b83673e53ab4b3a80258f0a5ce638beeb0b115a99d8afcd77",
    "tapered": "af37979ad8c05ceb740bf7fc1e0c7aabcafa0abd9e228f6d10d0e65793fd6f6f",
    "adam": "6fbf826c35dd5fe3f9f77f24ab97572b59c39852c459dc54b2acbdb6ef366fa8",
    "momentum": "7145ef22684e490de48a8655a202dcec7777ab4dcd9ac233945d0706cf9b7662",
    "layers": "32ef53e30d1c39b88fde982446eb4569cfa6405707258de07facac6b1d7a242d",
    "residual": "a63e58f9537b782a5a6fc49d02a68eb539a1b4e07cf22f1275d3ed1cde6dbf46",
    "torchvision": "d79b3a31ca23e6a849d5649d932628695cf95de71ff1145e8ecb3ee0fbc39563",
    "augmented": "ab3993344f881181ff34dc175ccfac62cd4292755dea76552c3c250bf1915f42",
    "stopping": "9c1e49afb7d56f8edf1fc2ad19edec856b5d6e662f47edbe28bbb8be16e3e6c0",
    "limited": "3b0fe593caf2ccd74c2d362fda9cc7cd541a954d1f3bb5e7b8867b2ea3ed349c",
}


@pytest.mark.parametrize("name", PLANS)
def test_digests_never_change(name: str) -> None:
    """Checkpoints of running jobs are found to be theirs by it: another one starts every job over."""
    assert PLANS[name].digest == DIGESTS[name]


@pytest.mark.parametrize("name", PLANS)
def test_fields_added_later_change_no_digest(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """In any part of a plan, and by neither rule, as long as they have their defaults."""
    before = PLANS[name]
    later.install(monkeypatch)
    after = later.same(before)
    assert dataclasses.asdict(after) != dataclasses.asdict(before)
    assert (after.digest, first_digest(after)) == (before.digest, first_digest(before))


@pytest.mark.parametrize("part", ["TrainingPlan", "OptimizerPlan", "LayerPlan", "AugmentPlan"])
def test_a_later_field_counts_once_it_is_set(part: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another value is another run."""
    later.install(monkeypatch)
    parts: Any = plans
    plan = later.same(tiny_plan(architecture=CONVNET))
    fields: dict[str, Callable[[float], dict[str, Any]]] = {
        "TrainingPlan": lambda value: {"later": value},
        "OptimizerPlan": lambda value: {"optimizer": parts.OptimizerPlan(later=value)},
        "LayerPlan": lambda value: {"architecture": parts.LayersPlan((parts.LayerPlan("relu", later=value),))},
        "AugmentPlan": lambda value: {"augment": (parts.AugmentPlan("flip", later=value),)},
    }
    assert len({dataclasses.replace(plan, **fields[part](value)).digest for value in (0.5, 0.7, 0.7)}) == 2


def test_a_kind_is_told_by_more_than_its_fields() -> None:
    """Each optimizer, each schedule and each architecture has digests of its own, all defaults or not."""
    kinds = [
        *(tiny_plan(optimizer=OptimizerPlan(kind)) for kind in ("sgd", "adam", "adamw")),
        *(tiny_plan(schedule=SchedulePlan(kind)) for kind in ("step", "cosine", "one_cycle")),
        tiny_plan(architecture=TorchvisionPlan("resnet18")),
        tiny_plan(architecture=LayersPlan((LayerPlan("flatten"),))),
    ]
    assert len({plan.digest for plan in kinds}) == len(kinds)


def test_the_first_releases_rule_is_as_it_was() -> None:
    """Of the plans whose checkpoints that release left, it makes the very digests that stand in them."""
    for state, run in checkpoints.kept(RELEASES / "1242c84").values():
        assert first_digest(plan_from_spec(run["spec"])) == state.origin["plan"]
