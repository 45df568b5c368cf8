"""`train`: from a plan and its data to epochs and a result."""

from __future__ import annotations

from collections.abc import Callable

import torch

from worker.training.data import LoadedDataset
from worker.training.device import device_errors, settled
from worker.training.errors import OutOfDeviceMemory, StopRequested
from worker.training.plan import TrainingPlan
from worker.training.results import EpochResult, TrainingResult
from worker.training.run import Run
from worker.training.sizing import with_size_that_fits
from worker.training.state.checkpoints import Checkpointing, State


def train(
    plan: TrainingPlan,
    data: LoadedDataset,
    device: torch.device,
    *,
    on_epoch: Callable[[EpochResult], None],
    check: Callable[[], None],
    engine: str | None = None,
    resume: State | None = None,
    checkpoints: Checkpointing | None = None,
) -> TrainingResult:
    """Train the plan's network and evaluate it on the whole validation split after every epoch.

    Args:
        plan: the plan of the run.
        data: the images of `plan.dataset`.
        device: the device to train on.
        on_epoch: called with the figures of every epoch.
        check: called at every step boundary; a JobInterrupted that it raises ends the run there. At a StopRequested the
            state is saved first.
        engine: the engine's name instead of the plan's.
        resume: the state to resume from. Its earlier epochs are not reported again.
        checkpoints: decides when states are saved, and saves them; None never does.

    Raises:
        TrainingError: DeviceUnavailable, OutOfDeviceMemory, NonFiniteLoss, CheckpointUnreadable or InvalidPlan.
        JobInterrupted: the exception that `check` raised.
    """
    name = engine or plan.engine
    with settled(plan, device):
        try:
            with device_errors(device):
                return _train(Run(plan, data, device, name, resume), on_epoch, check, checkpoints)
        except OutOfDeviceMemory as error:
            raise with_size_that_fits(error, plan, data, device, name) from error.__cause__


def _train(
    run: Run,
    on_epoch: Callable[[EpochResult], None],
    check: Callable[[], None],
    checkpoints: Checkpointing | None,
) -> TrainingResult:
    def boundary() -> None:
        try:
            check()
        except StopRequested:
            if checkpoints is not None:
                checkpoints.save_now(run.state)
            raise
        if checkpoints is not None:
            checkpoints.at_boundary(run.state)

    while not run.finished:
        on_epoch(run.run_epoch(boundary))
    return run.result()
