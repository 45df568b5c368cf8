"""Digests of plans: fixed for ever, whatever fields later releases add."""

from __future__ import annotations

import dataclasses
from typing import Any, get_args

import pytest

from tests.golden.releases import checkpoints, later
from tests.golden.releases.make import RELEASES
from tests.unit.training.tiny import CONVNET, DATASET, tiny_plan
from worker.training.plan import (
    AdamPlan,
    ConstantPlan,
    CosinePlan,
    CropPlan,
    CutoutPlan,
    EarlyStoppingPlan,
    FlattenPlan,
    FlipPlan,
    LayersPlan,
    LinearPlan,
    MlpPlan,
    OptimizerPlan,
    ResidualPlan,
    SchedulePlan,
    SgdPlan,
    StepPlan,
    TorchvisionPlan,
    TrainingPlan,
    WeightAveragePlan,
    plan_from_spec,
)
from worker.training.state.digests import first_digest

_INNER = (LinearPlan(bias=False, out_features=2),)
_BLOCK = ResidualPlan(layers=_INNER, shortcut=())
PLANS = {
    "plain": TrainingPlan(DATASET, MlpPlan((512,))),
    "tapered": TrainingPlan(DATASET, MlpPlan((1024, 512, 128), output="logits"), epochs=20, seed=3, threads=2),
    "adam": tiny_plan(optimizer=AdamPlan(lr=0.001), precision="bf16", shuffle=False),
    "momentum": tiny_plan(optimizer=SgdPlan(lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.0005)),
    "layers": tiny_plan(architecture=CONVNET, schedule=StepPlan(step_epochs=10)),
    "residual": tiny_plan(architecture=LayersPlan((FlattenPlan(), *_INNER, _BLOCK))),
    "torchvision": tiny_plan(architecture=TorchvisionPlan("resnet18"), schedule=CosinePlan()),
    "augmented": tiny_plan(augment=(CropPlan(), FlipPlan(), CutoutPlan(size=4))),
    "stopping": tiny_plan(early_stopping=EarlyStoppingPlan(), weight_average=WeightAveragePlan()),
    "limited": tiny_plan(dataset=dataclasses.replace(DATASET, train_per_class=40, normalize="computed")),
}


@pytest.mark.parametrize("name", PLANS)
def test_fields_added_later_change_no_digest(name: str) -> None:
    """In any part of a plan, and by neither rule, as long as they have their defaults."""
    before, after = PLANS[name], later.same(PLANS[name])
    assert dataclasses.asdict(after) != dataclasses.asdict(before)
    assert (after.digest, first_digest(after)) == (before.digest, first_digest(before))


@pytest.mark.parametrize("part", ["plan", "optimizer", "schedule", "augmentation", "layer"])
def test_a_later_field_counts_once_it_is_set(part: str) -> None:
    """Another value is another run."""
    plan = later.same(tiny_plan(architecture=CONVNET, augment=(FlipPlan(),)))

    def having(value: float) -> TrainingPlan:
        def set_in(part: Any) -> Any:
            return dataclasses.replace(part, later=value)

        first, *others = plan.architecture.layers
        changed = {
            "plan": {"later": value},
            "optimizer": {"optimizer": set_in(plan.optimizer)},
            "schedule": {"schedule": set_in(plan.schedule)},
            "augmentation": {"augment": (set_in(plan.augment[0]),)},
            "layer": {"architecture": dataclasses.replace(plan.architecture, layers=(set_in(first), *others))},
        }
        changed_plan: TrainingPlan = dataclasses.replace(plan, **changed[part])
        return changed_plan

    assert len({having(value).digest for value in (0.5, 0.7, 0.7)}) == 2


def test_a_kind_is_told_by_more_than_its_fields() -> None:
    """Each optimizer, each schedule and each architecture has digests of its own, all defaults or not."""
    kinds = [
        *(tiny_plan(optimizer=kind(lr=0.01, weight_decay=0.0)) for kind in get_args(OptimizerPlan)),
        *(tiny_plan(schedule=kind()) for kind in get_args(SchedulePlan) if kind is not ConstantPlan),
        tiny_plan(architecture=TorchvisionPlan("resnet18")),
        tiny_plan(architecture=LayersPlan((FlattenPlan(),))),
    ]
    assert len({plan.digest for plan in kinds}) == len(kinds)


def test_the_first_releases_rule_is_as_it_was() -> None:
    """Of the plans whose checkpoints that release left, it makes the very digests that stand in them."""
    for state, run in checkpoints.kept(RELEASES / "1242c84").values():
        assert first_digest(plan_from_spec(run["spec"])) == state.origin["plan"]
