"""What can go wrong while training.

TrainingError                 .code (stable snake_case)   .retryable
├ permanent: InvalidPlan, DatasetUnavailable, DatasetCorrupt (CopyIncomplete), DatasetTooLarge, ImageNotFound,
│            LastBatchTooSmall, NonFiniteLoss
└ retryable: DeviceUnavailable, OutOfDeviceMemory, CheckpointUnreadable, CheckpointUnwritable
JobInterrupted (BaseException: `except Exception` can't swallow it; raised at a step boundary)
├ by `check`: StopRequested (checkpoint, then release), CancelRequested, LeaseLost (write nothing more), TimedOut
└ by `train`: PauseReached (after a checkpoint)
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from worker.training.state.files import shown


class TrainingError(Exception):
    """An attempt failed. `retryable` says whether another attempt may succeed without anybody acting."""

    code: ClassVar[str] = "training_failed"
    retryable: ClassVar[bool] = False

    @property
    def detail(self) -> str:
        """What happened and what to do about it, in one or two sentences."""
        return str(self)


class InvalidPlan(TrainingError):
    """The plan asks for something that this code cannot do. A checked spec never leads to this error."""

    code = "invalid_plan"


class DatasetUnavailable(TrainingError):
    """The data set, or one of its classes, is not on this machine."""

    code = "dataset_unavailable"


class DatasetCorrupt(TrainingError):
    """A file of the data set is short, unreadable, missing or of the wrong size."""

    code = "dataset_corrupt"

    def __init__(self, path: Path, problem: str, remedy: str) -> None:
        super().__init__(f"{shown(path)}: {problem}. {remedy}")
        self.path, self.problem, self.remedy = path, problem, remedy

    def among(self, others: Sequence[Path], most: int = 5) -> DatasetCorrupt:
        """The same error for several bad files: says how many others there are, and names the first `most` of them."""
        if not others:
            return self
        more = "Another file is" if len(others) == 1 else f"{len(others):,} other files are"
        named = ", ".join(shown(f"{path.parent.name}/{path.name}") for path in others[:most])
        rest = " and so on" if len(others) > most else ""
        return DatasetCorrupt(self.path, self.problem, f"{self.remedy} {more} bad too: {named}{rest}.")


class CopyIncomplete(DatasetCorrupt):
    """A copy of the data set lacks files, as after an interrupted download: another copy may be complete."""


class DatasetTooLarge(TrainingError):
    """The data set's decoded images take more memory than this machine's limit."""

    code = "dataset_too_large"

    def __init__(self, name: str, images: int, size: int, limit: int) -> None:
        super().__init__(
            f"The {images:,} images of {name} are {size:,} bytes when they are decoded, and the limit is {limit:,} "
            "(FLIGHTLINE_MAX_DATASET_BYTES). Choose a smaller image_size, 1 channel or fewer classes, or raise the "
            "limit."
        )


class ImageNotFound(TrainingError):
    """A split has no image of this number; `count` is how many images it has."""

    code = "image_not_found"

    def __init__(self, split: str, index: int, count: int) -> None:
        super().__init__(f"There is no image {index:,} in the split {split}: it has {count:,} images, from 0 on.")


class LastBatchTooSmall(TrainingError):
    """An epoch ends in a batch of one image, on which a batchnorm over single values cannot train."""

    code = "last_batch_too_small"

    def __init__(self, images: int, batch_size: int) -> None:
        super().__init__(
            f"The data set has {images:,} training images here: in batches of {batch_size:,} the last batch of an "
            "epoch would be one image, and the network's batchnorm needs at least two. Choose another batch_size, or "
            "add or remove an image."
        )


class NonFiniteLoss(TrainingError):
    """The loss became NaN or infinite: the run diverged. `batch` counts from 1; None means validation."""

    code = "non_finite_loss"

    def __init__(self, loss: float, epoch: int, batch: int | None) -> None:
        where = f"in epoch {epoch}, " + ("in validation" if batch is None else f"batch {batch}")
        super().__init__(f"The loss became {loss} {where}. Try a smaller learning rate.")
        self.epoch = epoch
        self.batch = batch


class DeviceUnavailable(TrainingError):
    """The device does not exist, or failed while in use."""

    code = "device_unavailable"
    retryable = True


class OutOfDeviceMemory(TrainingError):
    """The device has not enough free memory for this network and batch size."""

    code = "out_of_device_memory"
    retryable = True


class CheckpointUnreadable(TrainingError):
    """The checkpoint is damaged, or was written for another plan, data set, engine or kind of device."""

    code = "checkpoint_unreadable"
    retryable = True


class CheckpointUnwritable(TrainingError):
    """The checkpoint could not be written, most often because the disk is full."""

    code = "checkpoint_unwritable"
    retryable = True


def require(holds: bool, problem: str) -> None:
    """Raise `InvalidPlan` with `problem` unless the condition holds."""
    if not holds:
        raise InvalidPlan(problem)


class JobInterrupted(BaseException):
    """The run is to end now. Raised at a step boundary, most often by the caller's `check`."""


class StopRequested(JobInterrupted):
    """The worker is stopping: write a checkpoint and release the job."""


class PauseReached(JobInterrupted):
    """The run has done the epochs that were asked for now; its state is saved, and it can go on from there."""


class CancelRequested(JobInterrupted):
    """The job was cancelled: its state is of no further use."""


class LeaseLost(JobInterrupted):
    """The job belongs to another worker by now: write nothing more about it."""


class TimedOut(JobInterrupted):
    """The job used up its time, all attempts together."""
