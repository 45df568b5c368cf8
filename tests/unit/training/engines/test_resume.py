"""Every engine goes on from its boundaries as if nothing had happened, bit for bit."""

from __future__ import annotations

import dataclasses
import random
from itertools import pairwise

import pytest
import torch

from tests.unit.training.engines.recorders import Computing
from tests.unit.training.tiny import (
    CONVNET,
    CPU,
    DATASET,
    Recording,
    every_state,
    raises_after,
    same_results,
    timeless,
    tiny_data,
)
from worker.training import engines
from worker.training.engines.graphs import GraphsEngine
from worker.training.errors import NonFiniteLoss, StopRequested
from worker.training.plan import (
    AdamPlan,
    AdamWPlan,
    BatchNormPlan,
    CropPlan,
    CutoutPlan,
    DropoutPlan,
    FlattenPlan,
    FlipPlan,
    LayersPlan,
    LinearPlan,
    MlpPlan,
    NAdamPlan,
    OneCyclePlan,
    Precision,
    ResidualPlan,
    RmsPropPlan,
    ScalePlan,
    SgdPlan,
    TrainingPlan,
    WeightAveragePlan,
    WhiteningPlan,
)
from worker.training.state.checkpoints import State, decode, encode
from worker.training.state.tally import Tally

DATA = tiny_data(train=22, val=10)
MLP = TrainingPlan(DATASET, MlpPlan((64, 16)), epochs=2, batch_size=4)  # a block of eight batches, and one of three
DROPPING = LayersPlan(
    (
        FlattenPlan(),
        LinearPlan(out_features=64),
        DropoutPlan(),
        LinearPlan(out_features=2),
    )
)
SKIPPING = LayersPlan(
    (
        CONVNET.layers[0],
        ResidualPlan(
            layers=(DropoutPlan(), BatchNormPlan(), ScalePlan(factor=0.5)),
            shortcut=(DropoutPlan(), BatchNormPlan(momentum=0.5)),
        ),
        *CONVNET.layers[1:],
    )
)
REFLECTED = CropPlan(padding_mode="reflect")
WHITENING = LayersPlan((WhiteningPlan(kernel_size=2), *CONVNET.layers))
PLANS = {
    "sgd": dataclasses.replace(MLP, schedule=OneCyclePlan()),
    "bf16": dataclasses.replace(MLP, precision="bf16"),
    "decay": dataclasses.replace(MLP, optimizer=SgdPlan(weight_decay=0.1)),
    "nesterov": dataclasses.replace(MLP, optimizer=SgdPlan(momentum=0.9, nesterov=True)),
    "adam": dataclasses.replace(MLP, optimizer=AdamPlan(lr=0.001), precision="bf16"),
    "rmsprop": dataclasses.replace(MLP, optimizer=RmsPropPlan(lr=0.001, momentum=0.5, centered=True)),
    "nadam": dataclasses.replace(MLP, optimizer=NAdamPlan(lr=0.001)),
    "dropout": dataclasses.replace(MLP, architecture=DROPPING, augment=(FlipPlan(), CropPlan())),
    "whitening": dataclasses.replace(MLP, architecture=WHITENING),
    "average": dataclasses.replace(
        MLP, optimizer=AdamWPlan(lr=0.001, weight_decay=0.0), weight_average=WeightAveragePlan()
    ),
    "residual": dataclasses.replace(MLP, architecture=SKIPPING, batch_size=11),
    "convnet": dataclasses.replace(
        MLP,
        architecture=CONVNET,
        batch_size=11,
        augment=(REFLECTED, CutoutPlan()),
        weight_average=WeightAveragePlan(decay=0.2),
    ),
}
CASES = [
    (name, engine)
    for name, plan in PLANS.items()
    for engine in engines.ENGINES
    if engine == "graphs" or (engine != "reference" and engines.ENGINES[engine].fits(plan, CPU))
]


@pytest.fixture(autouse=True)
def graphs_on_a_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything of that engine but CUDA's recorder runs on a CPU too, and is under test there."""
    monkeypatch.setattr(GraphsEngine, "fits", staticmethod(lambda plan, device: True))
    monkeypatch.setattr(GraphsEngine, "recorder", Computing)


@pytest.mark.parametrize("name, engine", CASES)
def test_from_its_boundaries(name: str, engine: str) -> None:
    """Through bytes, as in another process, with the global generator anywhere; from the last one in any case."""
    plan, states = PLANS[name], list[State]()
    whole = Recording(plan, DATA, engine=engine, checkpoints=every_state(states))
    for state in states[:: -(len(states) // 5 or 1)]:
        torch.manual_seed(random.randrange(2**32))
        rest = Recording(plan, DATA, engine=engine, resume=decode(encode(state)))
        assert [timeless(e) for e in rest.epochs] == [timeless(e) for e in whole.epochs[state.epoch - 1 :]]
        assert rest.result.exact
        assert same_results(rest.result, whole.result)


def test_blocks_are_counted_from_the_epochs_start() -> None:
    """Eleven batches in blocks of eight: boundaries after 8 and 11, in each epoch, and after validation."""
    states: list[State] = []
    Recording(MLP, DATA, engine="fused", checkpoints=every_state(states))
    assert [(state.epoch, state.batches) for state in states] == [(1, 8), (1, 11), (1, 11), (2, 8), (2, 11), (2, 11)]


def test_a_stop_within_a_block_waits_for_its_end() -> None:
    """The state that is saved at a stop is that of the boundary where it was raised."""
    states: list[State] = []
    keep = every_state(states)
    with pytest.raises(StopRequested):
        Recording(MLP, DATA, engine="fused", check=raises_after(4, StopRequested()), checkpoints=keep)
    assert (states[-1].epoch, states[-1].batches) == (2, 8)


@pytest.mark.parametrize("engine", [name for name in engines.ENGINES if name != "reference"])
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_run_that_diverges_names_the_batch(engine: str, precision: Precision) -> None:
    """The same epoch and batch as the reference's, blocks or not."""
    relu, steep = MlpPlan((64, 16), "relu"), SgdPlan(lr=1e9)
    plan = dataclasses.replace(MLP, architecture=relu, optimizer=steep, precision=precision)
    with pytest.raises(NonFiniteLoss) as error:
        Recording(plan, DATA, engine=engine)
    with pytest.raises(NonFiniteLoss) as expected:
        Recording(plan, DATA, engine="reference")
    assert (error.value.epoch, error.value.batch) == (expected.value.epoch, expected.value.batch)


@pytest.mark.parametrize("name, engine", CASES)
def test_the_network_is_up_to_date_at_every_boundary(name: str, engine: str) -> None:
    """What `state` holds is what the engine's own products use: weights after a boundary predict the same scores."""
    plan = PLANS[name]
    runner = engines.ENGINES[engine](plan, DATA, CPU)
    seen: list[dict[str, torch.Tensor]] = []

    def boundary() -> None:
        seen.append({key: value.clone() for key, value in runner.network.state_dict().items()})

    tally = Tally(1, len(DATA.train), plan.batch_size, CPU)
    runner.run_epoch(tally, [0.01] * tally.steps, boundary)
    changed = [any(not torch.equal(a[key], b[key]) for key in a) for a, b in pairwise(seen)]
    assert all(changed)
    scores = runner.validation_scores(lambda: None)
    other = engines.ENGINES[engine](plan, DATA, CPU)
    other.restore(runner.state())
    assert torch.equal(other.validation_scores(lambda: None), scores)


ALIKE = {("sgd", "resident"), ("dropout", "resident"), ("rmsprop", "graphs"), ("residual", "resident")}
"""Runs whose bits are those of the reference."""


@pytest.mark.parametrize("name, engine", CASES)
def test_engines_with_equal_bits_have_equal_digests(name: str, engine: str) -> None:
    """And others have not: the digest does not depend on how an engine keeps its state."""
    run, reference = (Recording(PLANS[name], DATA, engine=each) for each in (engine, "reference"))
    weights = (each.result.weights["last"] for each in (run, reference))
    alike = all(torch.equal(one, other) for one, other in zip(*(each.values() for each in weights), strict=True))
    assert (run.epochs[-1].digest == reference.epochs[-1].digest) == alike
    assert alike or (name, engine) not in ALIKE
    assert len({epoch.digest for epoch in run.epochs}) == len(run.epochs)
