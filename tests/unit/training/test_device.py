"""Devices: settings that are put back, errors in our words, what decides rounding."""

from __future__ import annotations

import os
from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

from tests.unit.training.tiny import CPU, tiny_plan
from worker.training import device as devices_module
from worker.training.device import capability, deterministic, device_errors, environment, settled
from worker.training.errors import DeviceUnavailable, OutOfDeviceMemory
from worker.training.plan import Precision


def test_threads_are_the_plans_and_then_put_back() -> None:
    """A run uses as many threads as its job says, and the next one is not affected."""
    before = torch.get_num_threads()
    with settled(tiny_plan(threads=before + 1), CPU):
        assert torch.get_num_threads() == before + 1
    assert torch.get_num_threads() == before


def test_threads_are_put_back_after_an_error() -> None:
    """Also where the run fails."""
    before = torch.get_num_threads()
    with pytest.raises(ZeroDivisionError), settled(tiny_plan(threads=before + 1), CPU):
        raise ZeroDivisionError
    assert torch.get_num_threads() == before


@pytest.mark.parametrize("precision, products", [("fp32", "ieee"), ("bf16", "ieee"), ("tf32", "tf32")])
def test_a_gpu_is_settled_and_left_as_it_was(
    monkeypatch: pytest.MonkeyPatch, precision: Precision, products: str
) -> None:
    """Deterministic kernels, cuBLAS' workspace, no trials by cuDNN, products as the precision says. No GPU is asked."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG", raising=False)
    monkeypatch.setattr(torch.backends.cudnn, "benchmark", True)
    before = gpu_settings()
    with settled(tiny_plan(precision=precision), torch.device("cuda:0")):
        assert gpu_settings() == (2, products, products, False, False)
        assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":4096:8"
        torch.use_deterministic_algorithms(True, warn_only=True)  # as where a kernel is missing
    assert gpu_settings() == before


def gpu_settings() -> tuple[int, str, str, bool, bool]:
    """Everything that decides how a GPU computes."""
    backends: Any = torch.backends
    return (
        torch.get_deterministic_debug_mode(),
        backends.cuda.matmul.fp32_precision,
        backends.cudnn.conv.fp32_precision,
        backends.cudnn.benchmark,
        torch.utils.deterministic.fill_uninitialized_memory,  # type: ignore[attr-defined]
    )


def test_a_kernel_that_is_missing_costs_the_promise(monkeypatch: pytest.MonkeyPatch) -> None:
    """The trial allows it from then on, where torch refuses for want of a deterministic one; and only then."""
    batch = (torch.zeros(2, 1), torch.zeros(2, dtype=torch.int64))
    on_a_gpu = (SimpleNamespace(device=torch.device("cuda:0")), batch[1])
    modes: list[bool] = []
    monkeypatch.setattr(torch.random, "fork_rng", lambda devices: nullcontext())
    monkeypatch.setattr(torch, "use_deterministic_algorithms", lambda _, warn_only: modes.append(warn_only))
    for message, expected in (("cumsum_cuda has no deterministic implementation", [True]), ("out of bounds", [])):
        modes.clear()

        def fail(*_: object, message: str = message) -> None:
            raise RuntimeError(message)

        monkeypatch.setattr(devices_module, "mean_loss", fail)
        monkeypatch.setattr(devices_module, "deepcopy", lambda _: lambda images: images)
        if expected:
            assert not deterministic(nn.Linear(1, 1), on_a_gpu)  # type: ignore[arg-type]
        else:
            with pytest.raises(RuntimeError, match=message):
                deterministic(nn.Linear(1, 1), on_a_gpu)  # type: ignore[arg-type]
        assert modes == expected


def test_a_gpu_that_is_not_there_is_said_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """A cuda device on a machine without one is DeviceUnavailable, which may be retried elsewhere."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(DeviceUnavailable, match="cuda:0"), settled(tiny_plan(), torch.device("cuda:0")):
        pass
    assert DeviceUnavailable.retryable


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory"),
        MemoryError(),
        RuntimeError("DefaultCPUAllocator: can't allocate memory"),
    ],
)
def test_running_out_of_memory_is_one_error(error: Exception) -> None:
    """However torch says it, and with what to do about it."""
    with pytest.raises(OutOfDeviceMemory, match=r"cpu.*smaller"), device_errors(CPU):
        raise error


def test_a_real_failed_allocation_is_recognised() -> None:
    """Asking for more memory than there are addresses."""
    with pytest.raises(OutOfDeviceMemory), device_errors(CPU):
        torch.empty(2**45, dtype=torch.float64)


def test_a_failing_accelerator_is_device_unavailable() -> None:
    """A CUDA error while running may pass on another attempt."""
    with pytest.raises(DeviceUnavailable, match="cuda:0 failed"), device_errors(torch.device("cuda:0")):
        raise torch.AcceleratorError("CUDA error: unspecified launch failure")


def test_other_errors_pass() -> None:
    """What is not about the device is not dressed up as such."""
    with pytest.raises(RuntimeError, match="mat1"), device_errors(CPU):
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")


def test_the_environment_says_what_rounding_depends_on() -> None:
    """Engine, device, processor, threads, torch and data."""
    assert environment(tiny_plan(threads=3), "abc", CPU, "reference") == {
        "engine": "reference",
        "device": "cpu",
        "capability": capability(CPU),
        "threads": 3,
        "torch": torch.__version__,
        "cuda": "",
        "data_fingerprint": "abc",
    }


def test_a_cpu_is_always_deterministic() -> None:
    """No batch is tried there."""
    assert deterministic(nn.Linear(1, 1), (torch.zeros(1, 1), torch.zeros(1, dtype=torch.int64)))
