"""`train`: what it reports, gives and leaves alone."""

from __future__ import annotations

import copy
import dataclasses
import math
from typing import Any

import pytest
import torch
from torch import Generator, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

from tests.unit.training.tiny import CONVNET, CPU, Recording, raises_after, timeless, tiny_data, tiny_plan
from worker.training.data import Split
from worker.training.data.loader import normalizer
from worker.training.errors import CancelRequested, InvalidPlan, LastBatchTooSmall, NonFiniteLoss, StopRequested
from worker.training.evaluation import evaluate
from worker.training.network.build import build_network, needs_two_samples
from worker.training.optim.schedules import learning_rates
from worker.training.plan import (
    BatchNormPlan,
    CropPlan,
    EarlyStoppingPlan,
    FlattenPlan,
    LayerPlan,
    LayersPlan,
    LinearPlan,
    MaxPool2dPlan,
    MlpPlan,
    OneCyclePlan,
    SgdPlan,
    StepPlan,
    TrainingPlan,
)
from worker.training.results import EpochResult
from worker.training.trainer import train

DATA = tiny_data()


def by_hand(plan: TrainingPlan) -> tuple[list[float], nn.Module]:
    """Each epoch's mean training loss and the network, from a plain loop."""
    images = normalizer(plan, DATA)(DATA.train.images)
    dataset = TensorDataset(images, DATA.train.labels)
    order = Generator().manual_seed(plan.seed)
    loader: DataLoader[Any] = DataLoader(dataset, batch_size=plan.batch_size, shuffle=True, generator=order)
    torch.manual_seed(plan.seed)
    network = build_network(plan)
    optimizer = torch.optim.SGD(network.parameters(), lr=plan.optimizer.lr)
    losses = []
    for _ in range(plan.epochs):
        total = 0.0
        for batch, labels in loader:
            loss = F.cross_entropy(network(batch), labels)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            total += loss.item() * len(labels)
        losses.append(total / len(DATA.train))
    return losses, network


@pytest.mark.usefixtures("one_thread")
def test_it_is_the_plain_loop() -> None:
    """Losses and weights are those of a loop written out by hand with the same seed."""
    plan = tiny_plan(seed=8)
    losses, network = by_hand(plan)
    run = Recording(plan, DATA)
    assert [epoch.train_loss for epoch in run.epochs] == pytest.approx(losses, rel=1e-12)
    assert all(torch.equal(run.result.weights["last"][k], v) for k, v in network.state_dict().items())


def test_epochs_are_reported_as_they_end() -> None:
    """Every epoch once, in order, with finite figures in their ranges."""
    epochs = Recording(tiny_plan(), DATA).epochs
    assert [epoch.epoch for epoch in epochs] == [1, 2, 3]
    for epoch in epochs:
        assert all(math.isfinite(value) for name, value in vars(epoch).items() if name != "digest")
        assert 0 <= epoch.val_accuracy <= 1
        assert epoch.seconds > 0
        assert epoch.samples_per_second > 0
        assert epoch.lr == 0.01


def test_the_result_belongs_to_the_epochs() -> None:
    """Best and last weights, scores and evaluations agree with what was reported."""
    run = Recording(tiny_plan(epochs=6, optimizer=SgdPlan(lr=0.1)), DATA)
    result, accuracies = run.result, [epoch.val_accuracy for epoch in run.epochs]
    assert result.best_epoch == accuracies.index(max(accuracies)) + 1
    assert result.evaluations["best"].accuracy == max(accuracies)
    assert result.evaluations["last"].accuracy == accuracies[-1]
    assert result.evaluations["last"].loss == run.epochs[-1].val_loss
    assert (result.epochs, result.engine, result.exact, result.stopped_early) == (6, "reference", True, False)
    assert result.environment["data_fingerprint"] == DATA.fingerprint
    for name in ("best", "last"):
        network = build_network(tiny_plan())
        network.load_state_dict(result.weights[name])
        scores = network.eval()(normalizer(tiny_plan(), DATA)(DATA.val.images)).detach()
        torch.testing.assert_close(result.logits[name], scores)
        assert result.evaluations[name] == evaluate(result.logits[name], DATA.val, DATA.classes)


def test_the_same_plan_gives_the_same_bits() -> None:
    """Whatever the global generator was before."""
    torch.manual_seed(1)
    first = Recording(tiny_plan(), DATA)
    torch.manual_seed(2)
    second = Recording(tiny_plan(), DATA)
    assert [timeless(epoch) for epoch in first.epochs] == [timeless(epoch) for epoch in second.epochs]
    assert torch.equal(first.result.logits["last"], second.result.logits["last"])


def test_another_seed_gives_another_run() -> None:
    """The seed reaches the weights and the order."""
    assert timeless(Recording(tiny_plan(seed=1), DATA).epochs[0]) != timeless(Recording(tiny_plan(), DATA).epochs[0])


@pytest.mark.parametrize("output", ["log_softmax", "softmax", "logits"])
def test_every_output_trains_alike(output: str) -> None:
    """What the network ends in changes neither losses nor scores."""
    plan = tiny_plan(architecture=MlpPlan((8,), output=output))  # type: ignore[arg-type]
    assert timeless(Recording(plan, DATA).epochs[-1]) == timeless(Recording(tiny_plan(), DATA).epochs[-1])


def test_bf16_is_close_and_not_the_same() -> None:
    """Autocast changes the losses a little; weights stay fp32."""
    coarse = Recording(tiny_plan(precision="bf16"), DATA)
    exact = Recording(tiny_plan(), DATA).epochs
    assert coarse.epochs[-1].train_loss == pytest.approx(exact[-1].train_loss, rel=0.02)
    assert coarse.epochs[-1].train_loss != exact[-1].train_loss
    assert {weight.dtype for weight in coarse.result.weights["last"].values()} == {torch.float32}


def test_tf32_on_a_cpu_is_fp32() -> None:
    """There is no TF32 on a CPU, and the job runs all the same."""
    tf32, fp32 = (Recording(tiny_plan(precision=name), DATA).epochs for name in ("tf32", "fp32"))
    assert [timeless(epoch) for epoch in tf32] == [timeless(epoch) for epoch in fp32]


def test_the_schedule_is_reported_and_used() -> None:
    """Each epoch reports its learning rate, and a rate that falls to almost nothing freezes the network."""
    plan = tiny_plan(schedule=StepPlan(step_epochs=1, gamma=1e-9))
    run = Recording(plan, DATA)
    assert [epoch.lr for epoch in run.epochs] == pytest.approx([1e-2, 1e-11, 1e-20])
    assert run.epochs[1].val_loss == pytest.approx(run.epochs[2].val_loss, rel=1e-6)


def test_an_epoch_reports_its_last_steps_rate() -> None:
    """A schedule that changes within epochs ends each of them with another rate, the run with the lowest."""
    schedule = OneCyclePlan(pct_start=0.5, anneal_strategy="linear", div_factor=2.0, final_div_factor=10.0)
    run = Recording(tiny_plan(schedule=schedule), DATA)  # 9 steps, the bend at number 3.5
    rates = [learning_rates(schedule, 0.01, epoch, 3, steps=3)[-1] for epoch in (1, 2, 3)]
    assert [epoch.lr for epoch in run.epochs] == rates
    assert rates[0] == pytest.approx(0.005 + 0.005 * 2 / 3.5)
    assert rates[-1] == pytest.approx(0.0005)


def test_early_stopping_ends_the_run() -> None:
    """The result says how many epochs there were and why."""
    stopping = EarlyStoppingPlan("val_loss", patience=1, min_delta=100.0)
    run = Recording(tiny_plan(epochs=50, early_stopping=stopping), DATA)
    assert (run.result.epochs, run.result.stopped_early, len(run.epochs)) == (2, True, 2)


def test_a_run_that_diverges_names_the_batch() -> None:
    """The loss is not finite in some batch of the first epochs, and the error says which."""
    with pytest.raises(NonFiniteLoss) as caught:
        Recording(tiny_plan(architecture=MlpPlan((8,), "relu"), optimizer=SgdPlan(lr=1e30)), DATA)
    assert caught.value.batch is not None


def test_a_validation_loss_that_is_not_finite_is_an_error() -> None:
    """A step that ruins the network after the last training loss is noticed in validation."""
    plan = tiny_plan(architecture=MlpPlan((8,), "relu"), optimizer=SgdPlan(lr=1e30), batch_size=96)
    with pytest.raises(NonFiniteLoss, match="epoch 1, in validation"):
        Recording(plan, DATA)


def test_check_is_asked_at_every_step() -> None:
    """A cancel is seen in the middle of an epoch, and nothing is reported of it."""
    epochs: list[EpochResult] = []
    for calls in (1, 2, 3):
        with pytest.raises(CancelRequested):
            Recording(tiny_plan(), DATA, check=raises_after(calls, CancelRequested()))
    assert epochs == []


def test_the_whole_validation_split_counts() -> None:
    """Also the images of a short last batch."""
    matrix = Recording(tiny_plan(), tiny_data(val=23)).result.evaluations["last"].confusion_matrix
    assert [sum(row) for row in matrix] == [23, 23]


def test_an_unknown_engine_is_refused() -> None:
    """The message says which there are."""
    with pytest.raises(InvalidPlan, match="reference"):
        Recording(tiny_plan(engine="warp"), DATA)


def test_images_of_other_classes_are_refused() -> None:
    """A plan is never trained on the wrong labels."""
    with pytest.raises(InvalidPlan, match="classes"):
        Recording(tiny_plan(), dataclasses.replace(DATA, classes=("bird", "airplane")))


def test_the_images_are_left_as_they_are() -> None:
    """A data set that stays in memory between jobs is not written to."""
    data = tiny_data()
    before = Split(data.train.images.clone(), data.train.labels.clone())
    Recording(tiny_plan(), data)
    assert torch.equal(data.train.images, before.images)
    assert torch.equal(data.train.labels, before.labels)


def test_weights_that_are_best_and_last_are_there_once() -> None:
    """Whoever keeps them need not write them twice."""
    result = Recording(tiny_plan(epochs=1), DATA).result
    assert result.weights["last"] is result.weights["best"]
    later = Recording(tiny_plan(epochs=6, optimizer=SgdPlan(lr=0.1)), DATA).result
    assert (later.weights["last"] is later.weights["best"]) == (later.best_epoch == 6)


FEATURES = (FlattenPlan(), BatchNormPlan(), LinearPlan(out_features=2))
POOLED = (MaxPool2dPlan(kernel_size=32), BatchNormPlan(), FlattenPlan(), FEATURES[-1])


@pytest.mark.parametrize("layers", [FEATURES, POOLED])
@pytest.mark.parametrize("engine", ["reference", "resident"])
@pytest.mark.parametrize("images, batch_size", [(21, 40), (48, 95), (3, 1)])
def test_a_last_batch_of_one_is_refused_before_training(
    layers: tuple[LayerPlan, ...], engine: str, images: int, batch_size: int
) -> None:
    """Where a batchnorm could not take it: permanent, with both numbers, before the first step."""
    data = tiny_data(images)
    if images == 21:
        data = dataclasses.replace(data, train=Split(data.train.images[:41], data.train.labels[:41]))
    plan = tiny_plan(architecture=LayersPlan(layers), engine=engine, batch_size=batch_size)
    epochs: list[EpochResult] = []
    with pytest.raises(
        LastBatchTooSmall, match=f"{len(data.train)} training images.*batches of {batch_size}"
    ) as caught:
        train(plan, data, CPU, on_epoch=epochs.append, check=raises_after(1, CancelRequested()))
    assert (caught.value.code, caught.value.retryable, epochs) == ("last_batch_too_small", False, [])


def test_a_last_batch_of_one_is_fine_for_images() -> None:
    """A batchnorm over more than one pixel takes it; and looking for that changes no bit of the run."""
    plan = tiny_plan(architecture=CONVNET, batch_size=95)
    network = build_network(plan)
    before, state = copy.deepcopy(network.state_dict()), torch.get_rng_state()
    assert not needs_two_samples(network, torch.rand(2, 3, 32, 32, generator=Generator()))
    assert network.training
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert len(Recording(plan, DATA).epochs) == plan.epochs


def test_a_margin_wider_than_the_image_is_refused() -> None:
    """Mirroring more pixels than there are would repeat the wrong ones, or fail in the middle of an epoch."""
    images = Split(DATA.train.images[..., :8, :8].contiguous(), DATA.train.labels)
    plan = tiny_plan(augment=(CropPlan(padding=8, padding_mode="reflect"),))
    with pytest.raises(InvalidPlan, match="mirrors 8 pixels of images with 8 on a side: at most 7 will do"):
        Recording(plan, dataclasses.replace(DATA, train=images))


def test_a_test_split_is_scored_once_with_the_best_weights() -> None:
    """At the end, beside the validation split that the best epoch was chosen on; nothing else changes."""
    data, plan = tiny_data(), tiny_plan(epochs=4)
    held_out = dataclasses.replace(data, test=data.train)
    with_test, without = Recording(plan, held_out).result, Recording(plan, data).result
    evaluation = with_test.evaluations["test"]
    assert sum(map(sum, evaluation.confusion_matrix)) == len(data.train)
    assert with_test.epoch_of == {**without.epoch_of, "test": with_test.best_epoch}
    assert torch.equal(with_test.logits["best"], without.logits["best"])
    assert without.evaluations.keys() == {"best", "last"}
    again = Recording(plan, dataclasses.replace(data, test=data.val)).result
    assert torch.equal(again.logits["test"], again.logits["best"])
    assert again.evaluations["test"] == again.evaluations["best"]


def test_a_stop_does_not_end_the_scoring_of_a_test_split() -> None:
    """All epochs are done by then: the result comes; a cancelled job ends."""
    data = dataclasses.replace(tiny_data(), test=tiny_data().val)
    plan = tiny_plan(epochs=1)
    boundaries: list[int] = []
    Recording(plan, tiny_data(), check=lambda: boundaries.append(1))
    result = Recording(plan, data, check=raises_after(len(boundaries) + 1, StopRequested())).result
    assert "test" in result.evaluations
    with pytest.raises(CancelRequested):
        Recording(plan, data, check=raises_after(len(boundaries) + 1, CancelRequested()))
