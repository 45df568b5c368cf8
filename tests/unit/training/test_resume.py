"""A resumed run equals the uninterrupted one bit for bit: epochs, evaluations, weights, scores."""

from __future__ import annotations

import contextlib
import dataclasses
import random
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from tests.unit.training.tiny import (
    CONVNET,
    CPU,
    Recording,
    every_state,
    nothing,
    raises_after,
    same_results,
    timeless,
    tiny_data,
    tiny_plan,
)
from worker.training import device
from worker.training.errors import CancelRequested, CheckpointUnreadable, LeaseLost, PauseReached, StopRequested
from worker.training.plan import (
    AdamPlan,
    AdamWPlan,
    ColorJitterPlan,
    ConstantPlan,
    CosinePlan,
    CropPlan,
    CutoutPlan,
    EarlyStoppingPlan,
    FlipPlan,
    MlpPlan,
    NAdamPlan,
    OneCyclePlan,
    Precision,
    RmsPropPlan,
    SgdPlan,
    StepPlan,
    TrainingPlan,
    WarmupCosinePlan,
    WeightAveragePlan,
)
from worker.training.results import EpochResult, TrainingResult
from worker.training.state.checkpoints import Checkpointing, State, decode, encode
from worker.training.trainer import Run, train

DATA = tiny_data()
BOUNDARIES = 4 * (3 + 1)  # four epochs of three steps and one batch of validation
OPTIMIZERS = {
    "sgd": SgdPlan(lr=0.05),
    "momentum": SgdPlan(lr=0.02, momentum=0.9, weight_decay=0.01),
    "nesterov": SgdPlan(lr=0.02, momentum=0.9, nesterov=True),
    "adam": AdamPlan(lr=0.003),
    "adamw": AdamWPlan(lr=0.003, weight_decay=0.1),
    "rmsprop": RmsPropPlan(lr=0.003, momentum=0.5, centered=True),
    "nadam": NAdamPlan(lr=0.003, weight_decay=0.1),
}
SCHEDULES = {
    "constant": ConstantPlan(),
    "step": StepPlan(step_epochs=2, gamma=0.5),
    "cosine": CosinePlan(min_lr=0.0001),
    "one_cycle": OneCyclePlan(),
    "warmup_cosine": WarmupCosinePlan(warmup_epochs=1.5),
}


def rich_plan(**fields: Any) -> TrainingPlan:
    """Everything on that keeps a state: augmentation, dropout, BatchNorm, early stopping, smoothing."""
    everything: dict[str, Any] = {
        "architecture": CONVNET,
        "epochs": 4,
        "augment": (FlipPlan(), CropPlan(padding=2), CutoutPlan(), ColorJitterPlan(brightness=0.3, hue=0.1)),
        "early_stopping": EarlyStoppingPlan("val_loss", patience=3),
        "label_smoothing": 0.1,
        "seed": 5,
    }
    return tiny_plan(**(everything | fields))


def resumed(plan: TrainingPlan, state: State, **options: Any) -> Recording:
    """A run from this state, as another process would: through bytes, with the global generator anywhere."""
    torch.manual_seed(random.randrange(2**32))
    return Recording(plan, DATA, resume=decode(encode(state)), **options)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_killed_at_a_random_batch(optimizer: str, schedule: str, precision: Precision) -> None:
    """For every optimizer, schedule and precision, from states of a run that was killed without a word."""
    plan = rich_plan(optimizer=OPTIMIZERS[optimizer], schedule=SCHEDULES[schedule], precision=precision)
    states: list[State] = []
    clean = Recording(plan, DATA)
    assert same_results(Recording(plan, DATA, checkpoints=every_state(states)).result, clean.result), "saving disturbs"
    for state in random.sample(states, 2):
        again = resumed(plan, state)
        expected = [timeless(epoch) for epoch in clean.epochs if epoch.epoch >= state.epoch]
        assert [timeless(epoch) for epoch in again.epochs] == expected, f"from {state.epoch}, {state.batches}"
        assert same_results(again.result, clean.result), f"from {state.epoch}, {state.batches}"


@pytest.mark.parametrize("average", [None, WeightAveragePlan(decay=0.4)], ids=str)
def test_every_single_boundary(average: WeightAveragePlan | None) -> None:
    """From each step and each batch of validation of a run, the last one included."""
    plan, states = rich_plan(optimizer=OPTIMIZERS["adam"], weight_average=average), list[State]()
    clean = Recording(plan, DATA, checkpoints=every_state(states))
    assert len(states) == BOUNDARIES
    for state in states:
        assert same_results(resumed(plan, state).result, clean.result)


def test_stopped_again_and_again() -> None:
    """A run that is asked to stop at every third boundary gives the same epochs, each reported once."""
    plan = rich_plan(optimizer=OPTIMIZERS["nesterov"], schedule=SCHEDULES["cosine"])
    clean = Recording(plan, DATA)
    saved: list[State] = []
    epochs: list[EpochResult] = []
    result = None
    while result is None:
        state, check = saved[-1] if saved else None, raises_after(3, StopRequested())
        options: dict[str, Any] = {
            "on_epoch": epochs.append,
            "check": check,
            "resume": state,
            "checkpoints": Checkpointing(saved.append),
        }
        with contextlib.suppress(StopRequested):
            result = train(plan, DATA, CPU, **options)
    assert len(saved) == BOUNDARIES // 3
    assert [timeless(epoch) for epoch in epochs] == [timeless(epoch) for epoch in clean.epochs]
    assert same_results(result, clean.result)


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_paused_after_an_epoch_and_gone_on_with(optimizer: str, schedule: str) -> None:
    """Twice, as a sweep does at its rungs: the epochs and the result are those of a run in one go."""
    plan = rich_plan(optimizer=OPTIMIZERS[optimizer], schedule=SCHEDULES[schedule])
    clean = Recording(plan, DATA)
    saved: list[State] = []
    epochs: list[EpochResult] = []
    for rung in (1, 3):
        with pytest.raises(PauseReached):
            _go_on(plan, saved, epochs, rung)
        assert (saved[-1].epoch, saved[-1].batches) == (rung, 3)
    result = _go_on(plan, saved, epochs, None)
    once = [timeless(epoch) for epoch in clean.epochs]
    assert [timeless(epoch) for epoch in epochs] == [once[0], once[0], *once[1:3], *once[2:]]
    assert same_results(result, clean.result)


def _go_on(
    plan: TrainingPlan,
    saved: list[State],
    epochs: list[EpochResult],
    rung: int | None,
    goes_on: Callable[[int], int | None] | None = None,
) -> TrainingResult:
    """Train from the newest of the saved states, through bytes, up to a rung, or where it goes on from there."""
    torch.manual_seed(random.randrange(2**32))
    options: dict[str, Any] = {"on_epoch": epochs.append, "check": nothing, "pause_after": rung, "goes_on": goes_on}
    state = decode(encode(saved[-1])) if saved else None
    return train(plan, DATA, CPU, resume=state, checkpoints=Checkpointing(saved.append), **options)


def test_a_run_that_goes_on_at_its_rung() -> None:
    """It saves nothing there and reports each epoch once; the next rung may be its pause, after which it goes on."""
    plan = rich_plan(optimizer=OPTIMIZERS["momentum"], schedule=SCHEDULES["one_cycle"], early_stopping=None)
    clean = Recording(plan, DATA)
    saved: list[State] = []
    epochs: list[EpochResult] = []
    asked: list[int] = []

    def goes_on(epoch: int) -> int | None:
        asked.append(epoch)
        return 2 if epoch == 1 else None

    with pytest.raises(PauseReached):
        _go_on(plan, saved, epochs, 1, goes_on)
    assert asked == [1, 2]
    assert [(state.epoch, state.batches) for state in saved] == [(2, 3)]
    result = _go_on(plan, saved, epochs, 3, lambda _: plan.epochs)
    once = [timeless(epoch) for epoch in clean.epochs]
    assert [timeless(epoch) for epoch in epochs] == [*once[:2], *once[1:]]
    assert same_results(result, clean.result)


def test_a_pause_at_the_end_or_beyond_is_none() -> None:
    """A run that ends where it would be paused, by its last epoch or early, has a result."""
    plan = rich_plan(early_stopping=EarlyStoppingPlan("val_accuracy", patience=1, min_delta=1.0))
    clean = Recording(plan, DATA)
    assert clean.result.epochs == 2
    assert same_results(_go_on(plan, [], [], 2), clean.result)
    assert same_results(_go_on(tiny_plan(), [], [], tiny_plan().epochs), Recording(tiny_plan(), DATA).result)


@pytest.mark.parametrize("stopping", [EarlyStoppingPlan("val_accuracy", patience=1, min_delta=1.0)])
def test_early_stopping_goes_on_counting(stopping: EarlyStoppingPlan) -> None:
    """A run that was to stop early stops at the same epoch after an interruption."""
    plan = rich_plan(early_stopping=stopping)
    states: list[State] = []
    clean = Recording(plan, DATA, checkpoints=every_state(states))
    assert clean.result.stopped_early
    assert clean.result.epochs == 2
    assert same_results(resumed(plan, states[-2]).result, clean.result)


def test_without_shuffling() -> None:
    """A run in the files' order resumes as well."""
    plan, states = tiny_plan(shuffle=False), list[State]()
    clean = Recording(plan, DATA, checkpoints=every_state(states))
    assert same_results(resumed(plan, states[4]).result, clean.result)


@pytest.mark.parametrize("reason, saves", [(StopRequested, 1), (CancelRequested, 0), (LeaseLost, 0)])
def test_only_a_stop_saves(reason: type[BaseException], saves: int) -> None:
    """A cancelled job needs no state, and a lost one may not write."""
    saved: list[State] = []
    with pytest.raises(reason):
        Recording(tiny_plan(), DATA, check=raises_after(2, reason()), checkpoints=Checkpointing(saved.append))
    assert [(state.epoch, state.batches) for state in saved] == [(1, 2)] * saves


def test_a_state_of_another_plan_is_refused() -> None:
    """A checkpoint never continues a different run."""
    states: list[State] = []
    Recording(tiny_plan(), DATA, checkpoints=every_state(states))
    with pytest.raises(CheckpointUnreadable, match="plan"):
        resumed(tiny_plan(seed=9), states[0])


def test_a_state_of_other_images_is_refused() -> None:
    """Nor one on different data."""
    states: list[State] = []
    Recording(tiny_plan(), tiny_data(train=40), checkpoints=every_state(states))
    with pytest.raises(CheckpointUnreadable, match="data_fingerprint"):
        resumed(tiny_plan(), states[0])


def test_a_state_of_an_unknown_engine_is_refused() -> None:
    """A checkpoint of an engine that this worker has not is not an InvalidPlan."""
    states: list[State] = []
    Recording(tiny_plan(), DATA, checkpoints=every_state(states))
    foreign = dataclasses.replace(states[0], origin={**states[0].origin, "engine": "warp"})
    with pytest.raises(CheckpointUnreadable, match="warp"):
        resumed(tiny_plan(), foreign)


def test_a_state_that_does_not_fit_is_refused() -> None:
    """A state with the right origin and the wrong content is CheckpointUnreadable, not a crash."""
    states: list[State] = []
    Recording(tiny_plan(), DATA, checkpoints=every_state(states))
    for broken in ({}, {**states[0].content, "engine": {}}, {**states[0].content, "tally": {"epoch": 1}}):
        with pytest.raises(CheckpointUnreadable):
            resumed(tiny_plan(), dataclasses.replace(states[0], content=broken))


def test_another_processor_costs_the_promise(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run resumed on another processor model says that it is not exact; so does one resumed from there."""
    states: list[State] = []
    plan = tiny_plan(architecture=MlpPlan((4,)))
    assert Recording(plan, DATA, checkpoints=every_state(states)).result.exact
    elsewhere = [states[0]]
    with monkeypatch.context() as patch:
        patch.setattr(device, "capability", lambda _: "another processor")
        assert not resumed(plan, states[0], checkpoints=every_state(elsewhere)).result.exact
        assert not resumed(plan, elsewhere[2]).result.exact


def test_a_gpus_generator_is_part_of_a_state(monkeypatch: pytest.MonkeyPatch) -> None:
    """What dropout draws there goes on where it was. A stand-in for the GPU: its generator alone is asked for."""
    there = torch.arange(16, dtype=torch.uint8)
    restored: list[Tensor] = []
    monkeypatch.setattr(torch.cuda, "get_rng_state", lambda device: there)
    monkeypatch.setattr(torch.cuda, "set_rng_state", lambda state, device: restored.append(state))
    run = Run(tiny_plan(), DATA, CPU, "reference")
    run._device = torch.device("cuda:0")
    states = run._random_state()
    assert torch.equal(states["cuda"], there)
    assert torch.equal(states["cpu"], torch.get_rng_state())
    run._restore_random_state(states)
    assert torch.equal(restored[0], there)
