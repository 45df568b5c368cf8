"""The engines of a GPU against the reference on the same GPU, recording included.

As on a CPU (`test_parity`): float64 proves the maths, and bounds in less precision are what rounding may do. Runs
without a conftest too, where nothing of ours is installed (`make gpu`).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from tests.unit.training.tiny import CONVNET, DATASET, every_state, nothing, timeless, tiny_data
from worker.training import engines
from worker.training.data import LoadedDataset
from worker.training.data.loader import Normalizer
from worker.training.device import settled
from worker.training.plan import (
    ActivationPlan,
    AdamWPlan,
    ColorJitterPlan,
    CosinePlan,
    CropPlan,
    DropoutPlan,
    FlattenPlan,
    LayersPlan,
    LinearPlan,
    MlpPlan,
    NAdamPlan,
    Precision,
    RmsPropPlan,
    SgdPlan,
    StepPlan,
    TrainingPlan,
    WeightAveragePlan,
)
from worker.training.results import EpochResult, TrainingResult
from worker.training.state.checkpoints import State, decode, encode
from worker.training.state.tally import Tally
from worker.training.trainer import train

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")]

CUDA = torch.device("cuda")
DATA = tiny_data(train=150, val=50)
FEW = tiny_data(train=22, val=10)
MLP = TrainingPlan(DATASET, MlpPlan((64, 16)), epochs=2, batch_size=4)  # 75 batches: four blocks of 16 and one of 11
RATE = 2**-6  # and what follows from it: exact in fp32, in which a GPU's optimizers read a recorded rate
HALVING = StepPlan(step_epochs=1, gamma=0.5)
DROPOUT = LayersPlan(
    (
        FlattenPlan(),
        LinearPlan(out_features=64),
        ActivationPlan("tanh"),
        DropoutPlan(p=0.3),
        LinearPlan(out_features=16),
        DropoutPlan(p=0.5),
        ActivationPlan("relu"),
        LinearPlan(out_features=2),
    )
)
BY_TORCH = dataclasses.replace(MLP, optimizer=SgdPlan(lr=RATE))
PLANS = {
    "sgd": dataclasses.replace(MLP, schedule=CosinePlan(), optimizer=SgdPlan(weight_decay=0.1)),
    "sgd-short": dataclasses.replace(MLP, batch_size=7, label_smoothing=0.1),  # the last of 43 batches has 6 rows
    "nesterov": dataclasses.replace(MLP, optimizer=SgdPlan(lr=RATE, momentum=0.9, nesterov=True)),
    "adamw": dataclasses.replace(MLP, optimizer=AdamWPlan(lr=RATE / 16, weight_decay=0.0), schedule=HALVING),
    # At larger rates these two amplify rounding to more than 1e-9 within the two epochs.
    "rmsprop": dataclasses.replace(MLP, optimizer=RmsPropPlan(lr=RATE / 256, momentum=0.5)),
    "nadam": dataclasses.replace(MLP, optimizer=NAdamPlan(lr=RATE / 64)),
    "dropout": dataclasses.replace(MLP, architecture=DROPOUT),
    "jitter": dataclasses.replace(BY_TORCH, augment=(ColorJitterPlan(brightness=0.2, saturation=0.3, hue=0.1),)),
    "convnet": dataclasses.replace(BY_TORCH, architecture=CONVNET, batch_size=7, augment=(CropPlan(),)),
    "average": dataclasses.replace(BY_TORCH, architecture=CONVNET, batch_size=7, weight_average=WeightAveragePlan()),
}
BLOCKS = {
    "blocks": dataclasses.replace(MLP, precision="tf32"),
    "blocks of dropout": dataclasses.replace(MLP, precision="tf32", architecture=DROPOUT, batch_size=7),
}
"""Plans whose first layer changes once in several batches; float64 is exact whatever they say."""
ENGINES = ("graphs", "resident")


@pytest.fixture
def double(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Everything in float64: networks by torch's default, images by converting them."""
    normalize = Normalizer.__call__
    monkeypatch.setattr(Normalizer, "__call__", lambda self, images: normalize(self, images).double())
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def run(
    plan: TrainingPlan, engine: str, resume: State | None = None, data: LoadedDataset = DATA
) -> tuple[list[EpochResult], TrainingResult]:
    """The epochs and the result."""
    epochs: list[EpochResult] = []
    result = train(plan, data, CUDA, on_epoch=epochs.append, check=nothing, engine=engine, resume=resume)
    return epochs, result


@pytest.mark.usefixtures("double")
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", [*PLANS, "blocks", "blocks of dropout"])
def test_the_maths_is_the_references(name: str, engine: str) -> None:
    """In float64 to 1e-9 over two epochs, in which blocks are computed, recorded and played, short ones too."""
    plan = (PLANS | BLOCKS)[name]
    relative = 1e-8 if plan.architecture is CONVNET else 1e-9  # BatchNorm amplifies rounding
    (theirs, expected), (ours, result) = run(plan, "reference"), run(plan, engine)
    assert result.engine == engine
    for reference, epoch in zip(theirs, ours, strict=True):
        assert epoch.train_loss == pytest.approx(reference.train_loss, rel=relative)
        assert epoch.last_batch_loss == pytest.approx(reference.last_batch_loss, rel=10 * relative)
        assert epoch.val_loss == pytest.approx(reference.val_loss, rel=1e-6)  # scores are kept in fp32
        assert (epoch.train_accuracy, epoch.lr) == (reference.train_accuracy, reference.lr)
    for key, weight in expected.weights["last"].items():
        ours_there = result.weights["last"][key].double()
        assert float((ours_there - weight).norm()) <= 100 * relative * float(weight.double().norm()), key


def losses_of(plan: TrainingPlan, engine: str, *, nudge: bool = False) -> Tensor:
    """Two epochs' losses, batch by batch; with the first weight nudged by one ulp, if asked."""
    with settled(plan, CUDA):
        runner = engines.ENGINES[engine](plan, DATA, CUDA)
        if nudge:
            weight = next(runner.network.parameters()).detach()
            weight.copy_(torch.nextafter(weight, torch.full_like(weight, torch.inf)))
        losses = []
        for epoch in (1, 2):
            tally = Tally(epoch, len(DATA.train), plan.batch_size, CUDA)
            runner.run_epoch(tally, [plan.optimizer.lr] * tally.steps, nothing)
            losses.append(tally.state()["losses"].cpu())
    return torch.cat(losses).double()


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", PLANS)
def test_fp32_drifts_no_further_than_a_twin(name: str, engine: str) -> None:
    """To 1e-6 over ten steps; then ten times as far as two runs drift that were one ulp apart, or to 1e-4."""
    reference, twin = losses_of(PLANS[name], "reference"), losses_of(PLANS[name], "reference", nudge=True)
    ours = losses_of(PLANS[name], engine)
    apart, drift = ((losses - reference).abs() / reference.abs() for losses in (ours, twin))
    assert float(apart[:10].max()) <= max(10 * float(drift[:10].max()), 1e-6)
    assert float(apart.max()) <= max(10 * float(drift.max()), 1e-4)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("precision", ["tf32", "bf16"])
@pytest.mark.parametrize("name", ["sgd", "nesterov", "adamw"])
def test_less_precision_over_five_epochs(name: str, precision: Precision, engine: str) -> None:
    """Within 2 % of the reference in each epoch."""
    plan = dataclasses.replace(PLANS[name], precision=precision, epochs=5, batch_size=8)
    theirs, ours = (run(plan, by, data=FEW)[0] for by in ("reference", engine))
    for reference, epoch in zip(theirs, ours, strict=True):
        assert epoch.train_loss == pytest.approx(reference.train_loss, rel=0.02)
        assert epoch.val_loss == pytest.approx(reference.val_loss, rel=0.02)


@pytest.mark.parametrize("precision", ["fp32", "tf32", "bf16"])
@pytest.mark.parametrize("name", PLANS)
def test_playing_is_computing(name: str, precision: Precision, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run whose blocks are played gives the bits of one whose blocks are launched one kernel after another."""
    from worker.training.engines.graphs import GraphCache

    plan = dataclasses.replace(PLANS[name], precision=precision, epochs=3)
    played, _ = run(plan, "graphs")
    monkeypatch.setattr(GraphCache, "_record", nothing)
    computed, _ = run(plan, "graphs")
    assert [timeless(epoch) for epoch in played] == [timeless(epoch) for epoch in computed]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", PLANS)
def test_a_resumed_run_is_the_uninterrupted_one(name: str, engine: str) -> None:
    """Bit for bit, though it computes and records anew what the other played."""
    plan = dataclasses.replace(PLANS[name], epochs=4)
    states: list[State] = []
    epochs: list[EpochResult] = []
    keep = every_state(states)
    whole = train(plan, DATA, CUDA, on_epoch=epochs.append, check=nothing, engine=engine, checkpoints=keep)
    for state in states[:: -(len(states) // 4)]:
        rest, result = run(plan, engine, resume=decode(encode(state)))
        assert [timeless(epoch) for epoch in rest] == [timeless(epoch) for epoch in epochs[state.epoch - 1 :]]
        for key, weight in whole.weights["last"].items():
            assert torch.equal(result.weights["last"][key], weight)
