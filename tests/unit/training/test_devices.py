"""Devices: settings that are put back, errors in our words, what decides rounding."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from tests.unit.training.tiny import CPU, tiny_plan
from worker.training.devices import capability, deterministic, device_errors, environment, settled
from worker.training.errors import DeviceUnavailable, OutOfDeviceMemory


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
