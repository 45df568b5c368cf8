"""What is recorded, when, and what becomes of it; on a CPU, with recorders that compute."""

from __future__ import annotations

import dataclasses
import gc
import logging
import weakref
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from tests.unit.training.engines.recorders import Computing, Refusing
from tests.unit.training.tiny import CONVNET, CPU, Recording, timeless, tiny_data, tiny_plan
from worker.training.engines import graphs
from worker.training.engines.graphs import CudaCapture, GraphCache, GraphsEngine, Permission
from worker.training.network.build import fresh_network
from worker.training.plan import AdamPlan, OneCyclePlan, OptimizerPlan, SgdPlan, WeightAveragePlan
from worker.training.state.tally import Tally

DATA = tiny_data(train=70, val=10)  # 35 batches of 4: two blocks of 16 and one of 3


def doubled(values: Tensor) -> tuple[Tensor, ...]:
    """A function to record."""
    return (2 * values,)


def test_compute_then_record_then_play() -> None:
    """The first arguments are computed, the second recorded and played, all others played."""
    recorder = Computing()
    recorded = GraphCache(doubled, recorder, Permission())
    values = [recorded(torch.full((3,), float(n)))[0].tolist() for n in range(4)]
    assert values == [[0.0] * 3, [2.0] * 3, [4.0] * 3, [6.0] * 3]
    assert recorder.calls == ["compute", "record", "play", "play", "play"]


def test_every_shape_has_its_own_recording() -> None:
    """A short last block is not the recording of a full one."""
    recorder = Computing()
    recorded = GraphCache(doubled, recorder, Permission())
    for rows in (3, 2, 3, 2):
        assert recorded(torch.ones(rows))[0].shape == (rows,)
    assert recorder.calls == ["compute", "compute", "record", "play", "record", "play"]


def test_what_cannot_be_recorded_is_computed(caplog: pytest.LogCaptureFixture) -> None:
    """It is said once, and never tried again."""
    recorder, permission = Refusing(), Permission()
    recorded = GraphCache(doubled, recorder, permission)
    with caplog.at_level(logging.WARNING):
        for n in range(4):
            assert recorded(torch.full((3,), float(n)))[0].tolist() == [2.0 * n] * 3
    assert recorder.calls == ["compute", "refuse", "compute", "compute", "compute"]
    assert [record.message for record in caplog.records] == ["steps_not_recorded"]
    assert not permission.granted


def test_one_failed_recording_ends_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was recorded before is computed from then on: a failed recording costs the others their generator."""
    recorder = Computing()
    monkeypatch.setattr(GraphsEngine, "recorder", lambda: recorder)
    program: Any = GraphsEngine.program(tiny_plan(batch_size=4), fresh_network(tiny_plan(), DATA), CPU)
    rows, labels, rates = torch.rand(8, 3072), torch.zeros(8, dtype=torch.int64), program.rates([0.1, 0.1])
    for _ in range(3):
        program.train_on(rows, labels, rates)
    monkeypatch.setattr(recorder, "record", Refusing().record)
    for _ in range(2):
        program.predict(rows)
    program.train_on(rows, labels, rates)
    assert recorder.calls == ["compute", "record", "play", "play", "compute", "compute", "compute"]


@pytest.mark.parametrize("averaged", [False, True])
@pytest.mark.parametrize("optimizer", [SgdPlan(weight_decay=0.1), AdamPlan(lr=0.001)], ids=str)
@pytest.mark.parametrize("architecture", [tiny_plan().architecture, CONVNET], ids=["mlp", "convnet"])
def test_playing_changes_nothing(
    architecture: object, optimizer: OptimizerPlan, averaged: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run whose blocks are played is the run whose blocks are computed; each step's learning rate reaches both."""
    monkeypatch.setattr(GraphsEngine, "fits", staticmethod(lambda plan, device: True))
    cycle = OneCyclePlan(div_factor=2.0)
    plan = tiny_plan(architecture=architecture, batch_size=4, epochs=4, schedule=cycle, optimizer=optimizer)
    if averaged:
        plan = dataclasses.replace(plan, weight_average=WeightAveragePlan(decay=0.9))
    runs = []
    for recorder in (Computing(), Refusing()):
        monkeypatch.setattr(GraphsEngine, "recorder", lambda recorder=recorder: recorder)
        runs.append(Recording(plan, DATA, engine="graphs"))
        assert ("play" in recorder.calls) == (type(recorder) is Computing)
    played, computed = runs
    assert [timeless(epoch) for epoch in played.epochs] == [timeless(epoch) for epoch in computed.epochs]
    reference = Recording(dataclasses.replace(plan, engine="reference"), DATA)
    assert [e.train_loss for e in played.epochs] == pytest.approx([e.train_loss for e in reference.epochs], rel=1e-4)
    # Adam drifts through BatchNorm.
    assert [e.val_loss for e in played.epochs] == pytest.approx([e.val_loss for e in reference.epochs], rel=3e-3)


def test_a_cpu_is_not_for_graphs() -> None:
    """Only a GPU's plans fit."""
    assert not GraphsEngine.fits(tiny_plan(), CPU)
    assert GraphsEngine.fits(tiny_plan(), torch.device("cuda"))


def test_a_run_that_is_over_frees_its_recordings_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of an engine waits for garbage to be collected: its graphs and its share of a GPU go with it."""
    monkeypatch.setattr(GraphsEngine, "recorder", Computing)
    plan = tiny_plan(batch_size=4)
    gc.collect()
    gc.disable()
    try:
        engine = GraphsEngine(plan, DATA, CPU)
        for epoch in (1, 2):
            engine.run_epoch(Tally(epoch, len(DATA.train), 4, CPU), [0.1] * 35, lambda: None)
        left = weakref.ref(engine._program)
        del engine
        assert left() is None
    finally:
        gc.enable()


class Capture:
    """Stands in for `torch.cuda.graph`: ends in an error, if asked to."""

    def __init__(self, error: Exception | None) -> None:
        self._error = error

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        if self._error is not None:
            raise self._error


@pytest.mark.parametrize("error", [None, RuntimeError("operation failed due to a previous error during capture")])
def test_a_recording_is_not_disturbed(monkeypatch: pytest.MonkeyPatch, error: Exception | None) -> None:
    """By garbage, such as an earlier run's graphs; after a failure, stream and generator are the usual ones again."""
    usual, done = object(), list[object]()
    generator = SimpleNamespace(clone_state=lambda: "a copy", graphsafe_set_state=done.append)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda: usual)
    monkeypatch.setattr(torch.cuda, "set_stream", done.append)
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 0)
    monkeypatch.setattr(torch.cuda, "default_generators", (generator,))
    monkeypatch.setattr(torch.cuda, "CUDAGraph", lambda: SimpleNamespace(pool=lambda: "a pool"))
    monkeypatch.setattr(torch.cuda, "graph", lambda *_, **__: Capture(error))
    monkeypatch.setattr(graphs, "stream_beside", lambda *_: usual)
    collecting: list[bool] = []

    def function(values: Tensor) -> tuple[Tensor, ...]:
        collecting.append(gc.isenabled())
        return (values,)

    if error is None:
        CudaCapture().record(function, (torch.ones(2),))
    else:
        with pytest.raises(RuntimeError, match="during capture"):
            CudaCapture().record(function, (torch.ones(2),))
    assert collecting == [False]
    assert gc.isenabled()
    assert done == ([] if error is None else [usual, "a copy"])
