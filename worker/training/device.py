"""The device: its arithmetic, its determinism, its description, and its errors translated to Flightline's."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from copy import deepcopy

import torch
from torch import Tensor, nn

from worker.training.errors import DeviceUnavailable, OutOfDeviceMemory
from worker.training.optim.losses import mean_loss
from worker.training.plan import TrainingPlan

Environment = dict[str, str | int]


def precision(plan: TrainingPlan, device: torch.device) -> AbstractContextManager[object]:
    """A context with autocast to bf16 where the plan asks for it, else an empty one (`settled` sets TF32)."""
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=plan.precision == "bf16")


@contextmanager
def settled(plan: TrainingPlan, device: torch.device) -> Iterator[None]:
    """A context with the plan's threads, TF32 and determinism, restored afterwards. Raises DeviceUnavailable."""
    if device.type == "cuda" and not torch.cuda.is_available():
        raise DeviceUnavailable(f"There is no device {device} on this machine: torch finds no GPU.")
    threads = torch.get_num_threads()
    torch.set_num_threads(plan.threads)
    try:
        with _settled_gpu(plan) if device.type == "cuda" else _as_it_is():
            yield
    finally:
        torch.set_num_threads(threads)


def deterministic(network: nn.Module, batch: tuple[Tensor, Tensor]) -> bool:
    """Whether forward and backward of this network have deterministic kernels on its GPU; true on a CPU.

    Tries one batch on a copy of the network; the generators are restored. Where a kernel is missing, nondeterministic
    kernels are allowed from then on.
    """
    device = batch[0].device
    if device.type != "cuda":
        return True
    with torch.random.fork_rng(devices=[device]):
        try:
            mean_loss(deepcopy(network)(batch[0]), batch[1]).backward()  # type: ignore[no-untyped-call]
        except RuntimeError as error:
            if "deterministic" not in str(error):
                raise
            torch.use_deterministic_algorithms(True, warn_only=True)
            return False
    return True


def capability(device: torch.device) -> str:
    """The part of the device that decides rounding besides torch's version: a GPU's model, a CPU's instruction set."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{platform.machine()} {torch.backends.cpu.get_cpu_capability()}"


def environment(plan: TrainingPlan, fingerprint: str, device: torch.device, engine: str) -> Environment:
    """All that a result depends on besides its plan: equal environments give results that are equal bit for bit."""
    return {
        "engine": engine,
        "device": device.type,
        "capability": capability(device),
        "threads": plan.threads,
        "torch": str(torch.__version__),  # a plain str: `weights_only` refuses its subclass in a checkpoint
        "cuda": (torch.version.cuda or "") if device.type == "cuda" else "",
        "data_fingerprint": fingerprint,
    }


@contextmanager
def device_errors(device: torch.device) -> Iterator[None]:
    """Raise the device's errors as OutOfDeviceMemory or DeviceUnavailable."""
    too_big = f"{device} has not enough free memory for this network and batch size. Make either smaller."
    try:
        yield
    except (torch.OutOfMemoryError, MemoryError) as error:
        raise OutOfDeviceMemory(too_big) from error
    except torch.AcceleratorError as error:
        raise DeviceUnavailable(f"{device} failed: {error}") from error
    except RuntimeError as error:
        if "can't allocate memory" not in str(error):
            raise
        raise OutOfDeviceMemory(too_big) from error


@contextmanager
def _as_it_is() -> Iterator[None]:
    yield


@contextmanager
def _settled_gpu(plan: TrainingPlan) -> Iterator[None]:
    # cuBLAS reads this when its first handle is made; worker processes have it in their environment from the start.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    matmul, conv = torch.backends.cuda.matmul, torch.backends.cudnn.conv  # type: ignore[attr-defined]
    before = matmul.fp32_precision, conv.fp32_precision, torch.backends.cudnn.benchmark
    mode, fill = torch.get_deterministic_debug_mode(), torch.utils.deterministic.fill_uninitialized_memory  # type: ignore[attr-defined]
    matmul.fp32_precision = conv.fp32_precision = "tf32" if plan.precision == "tf32" else "ieee"
    torch.backends.cudnn.benchmark = False
    torch.use_deterministic_algorithms(True)
    # Filling fresh memory costs time, and nothing here reads it before writing.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    try:
        yield
    finally:
        matmul.fp32_precision, conv.fp32_precision, torch.backends.cudnn.benchmark = before
        torch.set_deterministic_debug_mode(mode)
        torch.utils.deterministic.fill_uninitialized_memory = fill  # type: ignore[attr-defined]
