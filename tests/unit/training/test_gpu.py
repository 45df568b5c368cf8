"""What only a real GPU can show besides parity: its settings, repeatable bits, memory given back."""

from __future__ import annotations

import gc
from typing import Any

import pytest
import torch
from torch import Tensor

from tests.unit.training.tiny import CONVNET, CPU, Recording, nothing, timeless, tiny_data, tiny_plan
from worker.training.device import settled
from worker.training.plan import SgdPlan, TrainingPlan
from worker.training.results import EpochResult
from worker.training.trainer import train

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")]

CUDA = torch.device("cuda:0")
DATA = tiny_data()


def epochs_of(plan: TrainingPlan, engine: str) -> list[EpochResult]:
    """What a run on the GPU reports, without its wall times."""
    epochs: list[EpochResult] = []
    train(plan, DATA, CUDA, on_epoch=epochs.append, check=nothing, engine=engine)
    return [timeless(epoch) for epoch in epochs]


def test_a_gpu_is_set_to_deterministic_kernels() -> None:
    """Within a run kernels are deterministic and products are what the precision says; afterwards as before."""
    with settled(tiny_plan(precision="tf32"), CUDA):
        assert torch.are_deterministic_algorithms_enabled()
        assert torch.backends.cuda.matmul.fp32_precision == "tf32"
    with settled(tiny_plan(), CUDA):
        assert torch.backends.cuda.matmul.fp32_precision == "ieee"
    assert not torch.are_deterministic_algorithms_enabled()


@pytest.mark.parametrize("engine", ["reference", "resident", "graphs"])
def test_two_runs_give_the_same_bits(engine: str) -> None:
    """By every engine of a GPU, close to the CPU's reference."""
    first, second = (epochs_of(tiny_plan(), engine) for _ in range(2))
    assert first == second
    expected = Recording(tiny_plan(), DATA).epochs[-1].train_loss
    assert first[-1].train_loss == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("architecture", [tiny_plan().architecture, CONVNET], ids=["mlp", "convnet"])
@pytest.mark.parametrize("engine", ["reference", "resident", "graphs"])
def test_a_run_gives_its_memory_back(engine: str, architecture: object) -> None:
    """A worker's process trains one job after another: the third holds no more than the second did."""
    held = []
    for _ in range(3):
        epochs_of(tiny_plan(architecture=architecture, epochs=4), engine)
        gc.collect()
        held.append(torch.cuda.memory_allocated())
    assert held[2] <= held[1]


def test_normalising_there_gives_the_same_bits() -> None:
    """Images that are sent as bytes and normalised on the GPU are those that the CPU normalises."""
    from worker.training.data.loader import normalizer
    from worker.training.engines.resident.splits import ResidentValidation

    plan = tiny_plan()
    there = torch.cat(list(ResidentValidation(plan, DATA, CUDA, lambda images: images))).cpu()
    assert torch.equal(there, normalizer(plan, DATA)(DATA.val.images))
    assert there.device == CPU


@pytest.mark.parametrize("engine", ["reference", "resident", "graphs"])
def test_the_best_weights_are_those_of_the_best_epoch(engine: str) -> None:
    """They stay on the GPU until the run's end, while it trains on."""
    from worker.training.data.loader import normalizer
    from worker.training.network.build import build_network

    plan = tiny_plan(epochs=8, optimizer=SgdPlan(lr=0.1))
    result = train(plan, DATA, CUDA, on_epoch=nothing, check=nothing, engine=engine)
    for name in ("best", "last"):
        network = build_network(plan)
        network.load_state_dict(result.weights[name])
        scores = network.eval()(normalizer(plan, DATA)(DATA.val.images)).detach()
        torch.testing.assert_close(result.logits[name], scores, rtol=1e-3, atol=1e-4)
    assert all(weight.device == CPU for weight in result.weights["best"].values())


def test_a_failed_recording_leaves_the_run_going(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading from the GPU breaks a recording off; steps are launched as usual from then on, dropout's draws too."""
    from worker.training.engines.graphs import CudaCapture, GraphCache

    plan = tiny_plan(architecture=CONVNET, epochs=4)
    record = CudaCapture.record

    def breaks(self: CudaCapture, function: Any, arguments: Any) -> Any:
        def reads(*tensors: Tensor) -> Any:
            results = function(*tensors)
            results[0].sum().item()
            return results

        return record(self, reads, arguments)

    with monkeypatch.context() as broken:
        broken.setattr(CudaCapture, "record", breaks)
        ours = epochs_of(plan, "graphs")
    monkeypatch.setattr(GraphCache, "_record", nothing)
    assert ours == epochs_of(plan, "graphs")
