"""From a device's name to the only device that a process can see. Must run before torch is loaded."""

from __future__ import annotations

import os
from collections.abc import MutableMapping
from dataclasses import dataclass

from shared.errors import FlightlineError
from shared.gpus import visible_gpus


class NoSuchDevice(FlightlineError):
    """The device that the worker is to be pinned to is not on this machine, or cannot be used."""

    code = "no_such_device"


@dataclass(frozen=True)
class Device:
    """The device that a worker is pinned to."""

    name: str
    """The device's name for people: ``cpu``, ``cuda:0``, …"""
    kind: str
    """``cpu`` or ``cuda``."""
    visible: str
    """The process' `CUDA_VISIBLE_DEVICES`: one entry, or none for a CPU worker."""

    @property
    def torch_name(self) -> str:
        """The device's name for torch in the pinned process, which sees one GPU at most."""
        return "cpu" if self.kind == "cpu" else "cuda:0"


def resolve(wanted: str) -> list[Device]:
    """The devices that a name stands for: ``cpu``, ``cuda:N``, ``cuda:all``, or ``auto`` (every GPU, else the CPU).

    Raises:
        NoSuchDevice: the machine shows no such device.
    """
    if wanted == "cpu":
        return [_cpu()]
    gpus = [Device(f"cuda:{index}", "cuda", visible) for index, visible in enumerate(visible_gpus())]
    if wanted == "auto":
        return gpus or [_cpu()]
    chosen = gpus if wanted in ("cuda", "cuda:all") else [gpu for gpu in gpus if gpu.name == wanted]
    if not chosen:
        shown = ", ".join(["cpu", *(gpu.name for gpu in gpus)])
        raise NoSuchDevice(f"There is no device {wanted!r} here. This machine shows {shown}; auto takes what there is.")
    return chosen


def _cpu() -> Device:
    return Device("cpu", "cpu", "")


def pin(device: Device, environment: MutableMapping[str, str] = os.environ) -> None:
    """Let this process see this device alone, and make its arithmetic repeatable."""
    environment["CUDA_VISIBLE_DEVICES"] = device.visible
    environment["CUDA_DEVICE_ORDER"] = "PCI_BUS_ID"
    environment.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")


def require_usable(device: Device) -> None:
    """Run one kernel on the worker's GPU, in the pinned process. Loads torch.

    Raises:
        NoSuchDevice: torch cannot use the GPU: the driver is too old, torch is a build for the CPU or has no kernels
            for this card, or the GPU has failed.
    """
    if device.kind == "cpu":
        return
    import torch

    try:
        float(torch.ones(1, device=device.torch_name).add(1))
    except (AssertionError, RuntimeError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise NoSuchDevice(
            f"torch {torch.__version__} cannot use {device.name} ({device.visible}): {reason} Update the NVIDIA "
            "driver, install a torch that is built for it, or start the worker with --device cpu; a GPU that has "
            "failed may need its machine restarted."
        ) from error
