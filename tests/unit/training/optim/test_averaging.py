"""The weight average: what it is, worked out by hand, and that it is what a run validates and keeps."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tests.unit.training.tiny import CONVNET, CPU, Recording, every_state, tiny_data, tiny_plan
from worker.training.data.loader import Loader, normalizer
from worker.training.network.build import build_network
from worker.training.optim.averaging import MovingAverage, NoAverage, RecordedMovingAverage, average_of
from worker.training.plan import TrainingPlan, WeightAveragePlan
from worker.training.state.checkpoints import State

DATA = tiny_data()
AVERAGED = tiny_plan(architecture=CONVNET, weight_average=WeightAveragePlan(decay=0.3))  # warm for three of nine steps


def by_hand(plan: TrainingPlan) -> tuple[dict[str, Tensor], list[float]]:
    """The plan's average after the last epoch, and its validation loss after each: a plain loop, without an engine."""
    assert plan.weight_average is not None
    torch.manual_seed(plan.seed)
    network = build_network(plan)
    optimizer = torch.optim.SGD(network.parameters(), lr=plan.optimizer.lr)
    average = {name: value.clone() for name, value in network.state_dict().items()}
    loader, normalize = Loader(plan, DATA, CPU), normalizer(plan, DATA)
    steps, losses = 0, []
    for _ in range(plan.epochs):
        for images, labels in loader.epoch():
            optimizer.zero_grad()
            F.cross_entropy(network.train()(images), labels).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            steps += 1
            d = min(plan.weight_average.decay, (1 + steps) / (10 + steps))
            for name, value in network.state_dict().items():
                mixed = d * average[name] + (1 - d) * value
                average[name] = mixed if value.is_floating_point() else value.clone()
        other = build_network(plan)
        other.load_state_dict(average)
        with torch.no_grad():
            losses.append(F.cross_entropy(other.eval()(normalize(DATA.val.images)), DATA.val.labels).item())
    return average, losses


@pytest.mark.parametrize("decay", [0.0, 0.3, 0.99])
@pytest.mark.parametrize("engine", ["reference", "resident"])
def test_a_run_keeps_and_validates_the_average(engine: str, decay: float) -> None:
    """Parameters and BatchNorm's running figures after every step, as in a loop by hand; counts as they are."""
    layers = tuple(layer for layer in CONVNET.layers if layer.kind != "dropout")  # a loop by hand draws nothing
    average_plan, drawless = WeightAveragePlan(decay=decay), dataclasses.replace(CONVNET, layers=layers)
    plan = dataclasses.replace(AVERAGED, architecture=drawless, weight_average=average_plan)
    average, losses = by_hand(plan)
    run = Recording(plan, DATA, engine=engine)
    assert [epoch.val_loss for epoch in run.epochs] == pytest.approx(losses, rel=1e-5)
    kept = run.result.weights["last"]
    assert kept.keys() == average.keys()
    for name, weight in average.items():
        assert torch.allclose(kept[name], weight, rtol=1e-4, atol=1e-6), name
    assert int(kept["1.num_batches_tracked"]) == 9


def test_the_average_does_not_touch_the_training() -> None:
    """Steps, and so the training's own figures, are those of a run without one."""
    averaged, plain = (Recording(plan, DATA) for plan in (AVERAGED, dataclasses.replace(AVERAGED, weight_average=None)))
    assert [epoch.train_loss for epoch in averaged.epochs] == [epoch.train_loss for epoch in plain.epochs]
    assert [epoch.val_loss for epoch in averaged.epochs] != [epoch.val_loss for epoch in plain.epochs]


def test_the_best_weights_are_the_averages_too() -> None:
    """They give the validation scores that are kept with them."""
    result = Recording(AVERAGED, DATA).result
    network = build_network(AVERAGED)
    for kept in ("best", "last"):
        network.load_state_dict(result.weights[kept])
        with torch.no_grad():
            scores = network.eval()(normalizer(AVERAGED, DATA)(DATA.val.images))
        assert torch.allclose(scores, result.logits[kept], atol=1e-5)


def test_a_checkpoint_holds_both_networks() -> None:
    """The trained one, the average, and how many steps it has seen."""
    states: list[State] = []
    Recording(AVERAGED, DATA, checkpoints=every_state(states))
    engine = states[1].content["engine"]
    assert engine["average"]["steps"] == 2
    assert not torch.equal(engine["average"]["network"]["0.weight"], engine["network"]["0.weight"])


@pytest.mark.parametrize("kind", [MovingAverage, RecordedMovingAverage])
def test_the_decay_grows_up_to_its_limit(kind: type[MovingAverage]) -> None:
    """2/11, 3/12, 4/13 and then the plan's own; weights that do not change keep their bits."""
    network = nn.Linear(1, 1, dtype=torch.float64)
    nn.init.ones_(network.weight)
    nn.init.constant_(network.bias, 0.1)
    average = kind(WeightAveragePlan(decay=0.31), network)
    with torch.no_grad():
        network.weight.zero_()
    shares = []
    for _ in range(5):
        average.update()
        shares.append(average.network.state_dict()["weight"].item())
    decays = [2 / 11, 3 / 12, 4 / 13, 0.31, 0.31]
    assert shares == pytest.approx(torch.tensor(decays).cumprod(0).tolist(), rel=1e-6)
    assert torch.equal(average.network.bias, network.bias)  # type: ignore[arg-type]


@pytest.mark.parametrize("recorded", [False, True])
def test_it_goes_on_from_a_state(recorded: bool) -> None:
    """Weights and number of steps."""
    network = nn.Linear(3, 2)
    one, other = (average_of(WeightAveragePlan(), network, recorded=recorded) for _ in range(2))
    for _ in range(4):
        nn.init.normal_(network.weight)
        one.update()
    other.restore(one.state())
    for average in (one, other):
        average.update()
    assert torch.equal(one.network.weight, other.network.weight)  # type: ignore[arg-type]


def test_nothing_to_average() -> None:
    """Then the trained network itself is what is kept."""
    network = nn.Linear(3, 2)
    average = average_of(None, network)
    average.update()
    average.restore(average.state())
    assert isinstance(average, NoAverage)
    assert average.network is network
