"""Both splits on the device, normalised once, and the training split's batches in the order of the draws."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from worker.training.data import LoadedDataset
from worker.training.data.augmentation import apply
from worker.training.data.loader import Normalizer, normalizer
from worker.training.engines.resident.order import Draws, Order
from worker.training.engines.resident.prepared import Prepare, prepared
from worker.training.evaluation import BATCH_SIZE
from worker.training.plan import TrainingPlan


class ResidentTraining:
    """The training split on the device. Images to be augmented stay uint8, and are normalised after augmentation.

    Call `begin_epoch` first; then `rows`, any number of times.
    """

    def __init__(self, plan: TrainingPlan, data: LoadedDataset, device: torch.device, prepare: Prepare) -> None:
        self._plan, self._device = plan, device
        self._normalize, self._prepare = _on(device, normalizer(plan, data)), prepare
        self._order = Order(plan, len(data.train))
        self._labels = data.train.labels.to(device)
        self._draws: Draws | None = None
        self._next: Draws | None = None
        if plan.augment:
            self._images = data.train.images.to(device)
        else:
            self._images = prepared(data.train.images, self._normalize, prepare, device)

    def __len__(self) -> int:
        return len(self._labels)

    def begin_epoch(self) -> None:
        """Turn to the next epoch: its order and augmentation, drawn now or by `draw_ahead`."""
        self._draws, self._next = self._next or self._draw(), None

    def draw_ahead(self) -> None:
        """Draw the epoch after the running one, while a GPU is still busy with that one."""
        self._next = self._draw()

    def rows(self, first: int, last: int) -> tuple[Tensor, Tensor]:
        """Samples number `first` to `last` (exclusive) of this epoch: what `prepare` gives, and labels (N) int64."""
        assert self._draws is not None
        which = self._draws.order[first:last]
        images = self._images.index_select(0, which)
        for step, drawn in zip(self._plan.augment, self._draws.augmentation, strict=True):
            images = apply(images, step, drawn[first:last])
        if self._plan.augment:
            images = self._prepare(self._normalize(images))
        return images, self._labels.index_select(0, which)

    def first(self, count: int) -> tuple[Tensor, Tensor]:
        """The split's first `count` images, prepared but not augmented, and their labels."""
        images = self._images[:count]
        return (self._prepare(self._normalize(images)) if self._plan.augment else images), self._labels[:count]

    def state(self) -> dict[str, Tensor]:
        """Checkpoint state: that of the generators at the running epoch's start."""
        assert self._draws is not None
        return self._draws.start

    def generators(self) -> dict[str, Tensor]:
        """State of the generators after the running epoch's draws, where the next one was drawn ahead."""
        assert self._next is not None
        return self._next.start

    def restore(self, state: dict[str, Tensor]) -> None:
        """Restore the generators to an epoch's start, from what `state` returned; then call `begin_epoch`."""
        self._order.restore(state)
        self._next = None

    def _draw(self) -> Draws:
        draws = self._order.next_epoch()
        augmentation = tuple(self._send(drawn) for drawn in draws.augmentation)
        return Draws(self._send(draws.order), augmentation, draws.start)

    def _send(self, drawn: Tensor) -> Tensor:
        # From pinned memory, or the copy would wait for everything that the GPU still has to do.
        return drawn.pin_memory().to(self._device, non_blocking=True) if self._device.type == "cuda" else drawn


class ResidentValidation:
    """The validation split on the device; iterating gives `size` prepared images at a time."""

    def __init__(
        self, plan: TrainingPlan, data: LoadedDataset, device: torch.device, prepare: Prepare, size: int = BATCH_SIZE
    ) -> None:
        self._images = prepared(data.val.images, _on(device, normalizer(plan, data)), prepare, device)
        self._size = size

    def __iter__(self) -> Iterator[Tensor]:
        yield from torch.split(self._images, self._size)


def _on(device: torch.device, normalize: Normalizer) -> Normalizer:
    moments = normalize.moments
    return normalize if moments is None else Normalizer((moments[0].to(device), moments[1].to(device)))
