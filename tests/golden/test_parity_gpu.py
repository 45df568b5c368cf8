"""The engines of a GPU against the reference on the same GPU, recording included."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from tests.unit.training.tiny import CONVNET, DATASET, every_state, nothing, timeless, tiny_data
from worker.training.checkpoints import State, decode, encode
from worker.training.plan import (
    AugmentPlan,
    MlpPlan,
    OptimizerPlan,
    Precision,
    SchedulePlan,
    TrainingPlan,
    WeightAveragePlan,
)
from worker.training.results import EpochResult, TrainingResult
from worker.training.trainer import train

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")]

DATA = tiny_data(train=150, val=50)
MLP = TrainingPlan(DATASET, MlpPlan((64, 16)), epochs=5, batch_size=4)  # 75 batches: blocks of 32, 32 and 11
PLANS = {
    "sgd": dataclasses.replace(MLP, schedule=SchedulePlan("cosine"), optimizer=OptimizerPlan(weight_decay=0.1)),
    "nesterov": dataclasses.replace(MLP, optimizer=OptimizerPlan(lr=0.02, momentum=0.9, nesterov=True)),
    "adamw": dataclasses.replace(MLP, optimizer=OptimizerPlan("adamw", lr=0.001), schedule=SchedulePlan("one_cycle")),
    "convnet": dataclasses.replace(MLP, architecture=CONVNET, batch_size=7, augment=(AugmentPlan("crop"),)),
    "average": dataclasses.replace(MLP, architecture=CONVNET, batch_size=7, weight_average=WeightAveragePlan()),
}
TOLERANCES: dict[Precision, float] = {"fp32": 1e-3, "tf32": 1e-2, "bf16": 0.02}


def run(plan: TrainingPlan, engine: str, resume: State | None = None) -> tuple[list[EpochResult], TrainingResult]:
    """The epochs and the result."""
    epochs: list[EpochResult] = []
    device = torch.device("cuda")
    result = train(plan, DATA, device, on_epoch=epochs.append, check=nothing, engine=engine, resume=resume)
    return epochs, result


@pytest.mark.parametrize("engine", ["graphs", "resident"])
@pytest.mark.parametrize("precision", TOLERANCES)
@pytest.mark.parametrize("name", PLANS)
def test_the_losses_are_the_references(name: str, precision: Precision, engine: str) -> None:
    """Over the first, computed epoch, the recorded one, and those that are played; every schedule's rate counts."""
    plan = dataclasses.replace(PLANS[name], precision=precision)
    for expected, epoch in zip(run(plan, "reference")[0], run(plan, engine)[0], strict=True):
        assert epoch.train_loss == pytest.approx(expected.train_loss, rel=TOLERANCES[precision])
        assert epoch.val_loss == pytest.approx(expected.val_loss, rel=TOLERANCES[precision])


@pytest.mark.parametrize("engine", ["graphs", "resident"])
@pytest.mark.parametrize("name", PLANS)
def test_a_resumed_run_is_the_uninterrupted_one(name: str, engine: str) -> None:
    """Bit for bit, though it computes and records anew what the other played."""
    states: list[State] = []
    epochs: list[EpochResult] = []
    device = torch.device("cuda")
    keep = every_state(states)
    whole = train(PLANS[name], DATA, device, on_epoch=epochs.append, check=nothing, engine=engine, checkpoints=keep)
    for state in states[:: -(len(states) // 4)]:
        rest, result = run(PLANS[name], engine, resume=decode(encode(state)))
        assert [timeless(epoch) for epoch in rest] == [timeless(epoch) for epoch in epochs[state.epoch - 1 :]]
        for key, weight in whole.weights["last"].items():
            assert torch.equal(result.weights["last"][key], weight)
