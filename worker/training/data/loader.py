"""The training split in batches, in the order that the seed gives (docs/jobs.md, Repeat a job), and normalisation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, assert_never

import torch
from torch import Generator, Tensor
from torch.utils.data import BatchSampler, DataLoader, Dataset, RandomSampler, SequentialSampler

from worker.training.data import DATASETS, LoadedDataset
from worker.training.data.augmentation import augment
from worker.training.data.registry import Moments
from worker.training.errors import require
from worker.training.plan import Normalization, TrainingPlan

Batch = tuple[Tensor, Tensor]
"""Images (N, C, H, W) fp32, normalised, and labels (N) int64."""


@dataclass(frozen=True)
class Inputs:
    """What a network expects of its images: a scale from 0 to 1, less `mean`, over `std`.

    Attributes:
        shape: channels, height and width.
        mean: subtracted from each channel; zeros where images are not normalised.
        std: the divisor of each channel; ones where images are not normalised.
    """

    shape: tuple[int, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]


@dataclass(frozen=True)
class Normalizer:
    """Turns uint8 images into fp32 as torchvision's `ToTensor` and `Normalize` do, to the last bit."""

    moments: tuple[Tensor, Tensor] | None

    def __call__(self, images: Tensor) -> Tensor:
        """The images (N, C, H, W) in fp32 on a scale from 0 to 1, less each channel's mean, over its deviation."""
        # Divided by a tensor: for a number, a GPU would multiply by its reciprocal, which rounds otherwise.
        scaled = images.to(torch.float32).div(torch.full((), 255.0, dtype=torch.float32, device=images.device))
        return scaled if self.moments is None else scaled.sub_(self.moments[0]).div_(self.moments[1])


def normalizer(plan: TrainingPlan, data: LoadedDataset) -> Normalizer:
    """The normalisation of these images that the plan asks for."""
    if plan.dataset.normalize == "none":
        return Normalizer(None)
    inputs = inputs_of(plan, data)
    return Normalizer((torch.tensor(inputs.mean).view(-1, 1, 1), torch.tensor(inputs.std).view(-1, 1, 1)))


def inputs_of(plan: TrainingPlan, data: LoadedDataset) -> Inputs:
    """The shape and moments of the plan's normalised images. A channel without any deviation is only centred.

    Raises:
        InvalidPlan: no moments of images of so many channels are published for this data set.
    """
    mean, std = _moments(plan.dataset.normalize, data)
    return Inputs(data.input_shape, mean, tuple(deviation or 1.0 for deviation in std))


def _moments(normalize: Normalization, data: LoadedDataset) -> Moments:
    channels = data.input_shape[0]
    match normalize:
        case "published":
            published = DATASETS[data.name].published_moments if data.name in DATASETS else ((), ())
            require(len(published[0]) == channels, f"no moments of {channels} channels are published for {data.name}")
            return published
        case "computed":
            return data.mean, data.std
        case "none":
            return (0.0,) * channels, (1.0,) * channels
        case _:
            assert_never(normalize)


class Loader:
    """Batches of the training split. Its state is that of the epoch's start; a resumed epoch skips the batches done."""

    def __init__(self, plan: TrainingPlan, data: LoadedDataset, device: torch.device) -> None:
        self._order = Generator().manual_seed(plan.seed)
        self._augmentation = Generator().manual_seed(plan.seed)
        self._epoch_start = self._order.get_state()
        images = _TrainingImages(plan, data, self._augmentation)
        self._batches = _Batches(images, plan, self._order)
        # The same draws as from DataLoader(…, shuffle=True): a base seed, then the sampler's permutations.
        self._loader: DataLoader[Any] = DataLoader(
            images,
            batch_sampler=self._batches,
            collate_fn=_already_a_batch,
            generator=self._order,
            pin_memory=device.type == "cuda",
        )

    def epoch(self, first: int = 0) -> Iterator[Batch]:
        """One epoch's batches from number `first` (from 0) on. Use them all: the next epoch's order depends on it."""
        self._epoch_start = self._order.get_state()
        self._batches.first = first
        yield from self._loader

    def state(self) -> dict[str, Tensor]:
        """Checkpoint state: the order's generator at the running epoch's start, augmentation's as it is now.

        To be called after a batch, and until the next epoch begins: before the first batch there is no running epoch.
        """
        return {"order": self._epoch_start, "augmentation": self._augmentation.get_state()}

    def generators(self) -> dict[str, Tensor]:
        """State of both generators as it is now: after all batches of an epoch, where the next one begins."""
        return {"order": self._order.get_state(), "augmentation": self._augmentation.get_state()}

    def restore(self, state: dict[str, Tensor]) -> None:
        """Restore both generators from what `state` returned; then call `epoch` with the number of batches done."""
        self._order.set_state(state["order"])
        self._augmentation.set_state(state["augmentation"])


class _TrainingImages(Dataset[Batch]):
    """The training split as a torch data set of whole batches, so that a batch is augmented at once."""

    def __init__(self, plan: TrainingPlan, data: LoadedDataset, generator: Generator) -> None:
        self._split, self._steps, self._generator = data.train, plan.augment, generator
        self._normalize = normalizer(plan, data)

    def __len__(self) -> int:
        return len(self._split)

    def __getitems__(self, indices: Sequence[int]) -> Batch:
        which = torch.tensor(indices)
        images = augment(self._split.images[which], self._steps, self._generator)
        return self._normalize(images), self._split.labels[which]


class _Batches(BatchSampler):
    """Batches of indices, the last one maybe short; the first `first` of an epoch are drawn and dropped."""

    first = 0

    def __init__(self, images: _TrainingImages, plan: TrainingPlan, order: Generator) -> None:
        sampler = RandomSampler(images, generator=order) if plan.shuffle else SequentialSampler(images)
        super().__init__(sampler, plan.batch_size, drop_last=False)

    def __iter__(self) -> Iterator[list[int]]:
        for number, indices in enumerate(super().__iter__()):
            if number >= self.first:
                yield indices


def _already_a_batch(batch: Any) -> Any:
    return batch
