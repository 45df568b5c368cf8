"""Finds the batch size that would have fitted, by trying, after a device ran out of memory."""

from __future__ import annotations

import gc
import traceback
from contextlib import suppress
from dataclasses import replace

import torch

from worker.training import engines
from worker.training.data import LoadedDataset
from worker.training.errors import OutOfDeviceMemory
from worker.training.plan import TrainingPlan
from worker.training.state.tally import Tally


class _Fitted(Exception):
    """Ends a trial: a step was taken within the device's memory."""


def with_size_that_fits(
    error: OutOfDeviceMemory, plan: TrainingPlan, data: LoadedDataset, device: torch.device, engine: str
) -> OutOfDeviceMemory:
    """The error, with a batch size that fits on this GPU now; on a CPU, where a trial disturbs others, as it is."""
    if device.type != "cuda":
        return error
    if error.__cause__ is not None:
        traceback.clear_frames(error.__cause__.__traceback__)  # the frames hold the tensors that filled the device
    size = plan.batch_size // 2
    while size and not _fits(replace(plan, batch_size=size), data, device, engine):
        size //= 2
    lead = f"{device} has not enough free memory for this network and batches of {plan.batch_size}."
    if size:
        return OutOfDeviceMemory(f"{lead} Batches of {size} fit there now.")
    return OutOfDeviceMemory(f"{lead} Not even a batch of one image fits there now: make the network smaller.")


def _fits(plan: TrainingPlan, data: LoadedDataset, device: torch.device, engine: str) -> bool:
    """Whether the engine can take its first steps, and validate its first images, with this plan's batch size."""
    gc.collect()
    torch.cuda.empty_cache()
    try:
        runner = engines.choose(engine, plan, device)(plan, data, device)
        tally = Tally(1, len(data.train), plan.batch_size, device)
        for work in (
            lambda: runner.run_epoch(tally, [plan.optimizer.lr] * tally.steps, _stop),
            lambda: runner.validation_scores(_stop),
        ):
            with suppress(_Fitted):
                work()
    except torch.OutOfMemoryError:
        return False
    return True


def _stop() -> None:
    raise _Fitted
