"""An epoch's order and augmentation, drawn before it begins: the reference loader's draws, without its batches."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor
from torch.utils.data import DataLoader, Dataset, RandomSampler, Sampler, SequentialSampler

from worker.training.data.augmentation import draw
from worker.training.plan import TrainingPlan

Indices: TypeAlias = NDArray[np.int64]


@dataclass(frozen=True)
class Draws:
    """The random draws of one epoch.

    Attributes:
        order: the index in the split of each sample, in the order of training, (N) int64.
        augmentation: for each augmentation of the plan what it draws for each sample, in that order.
        start: state of the generators before anything of this epoch was drawn.
    """

    order: Tensor
    augmentation: tuple[Tensor, ...]
    start: dict[str, Tensor]


class Order:
    """Draws the order and the augmentation of one epoch after another.

    To resume within an epoch, restore the state at its start and draw the epoch again.
    """

    def __init__(self, plan: TrainingPlan, samples: int) -> None:
        self._plan, self._samples = plan, samples
        self._order = Generator().manual_seed(plan.seed)
        self._augmentation = Generator().manual_seed(plan.seed)
        positions = _Positions(samples)
        sampler = RandomSampler(positions, generator=self._order) if plan.shuffle else SequentialSampler(positions)
        # torch's own loader, so that all its draws besides the permutation are made here too. The permutation does not
        # depend on the batch size, so one batch takes all of it.
        self._loader: DataLoader[Any] = DataLoader(
            positions,
            batch_sampler=_Whole(sampler),  # type: ignore[arg-type]
            collate_fn=torch.from_numpy,
            generator=self._order,
        )

    def next_epoch(self) -> Draws:
        """Draw the next epoch's order and augmentation."""
        start = self.state()
        (order,) = self._loader
        return Draws(order, self._augmentations(), start)

    def state(self) -> dict[str, Tensor]:
        """Checkpoint state: that of both generators, the order's and augmentation's."""
        return {"order": self._order.get_state(), "augmentation": self._augmentation.get_state()}

    def restore(self, state: dict[str, Tensor]) -> None:
        """Restore both generators from what `state` returned."""
        self._order.set_state(state["order"])
        self._augmentation.set_state(state["augmentation"])

    def _augmentations(self) -> tuple[Tensor, ...]:
        """Draw the augmentation batch by batch, as the reference does: one large draw would give other numbers."""
        steps, size = self._plan.augment, self._plan.batch_size
        if not steps:
            return ()
        counts = (min(size, self._samples - first) for first in range(0, self._samples, size))
        batches = [[draw(step, count, self._augmentation) for step in steps] for count in counts]
        return tuple(torch.cat(drawn) for drawn in zip(*batches, strict=True))


class _Whole(Sampler[Indices]):
    """A sampler's positions as one array: taken one by one, ten thousand of them take longer than a GPU's epoch."""

    def __init__(self, sampler: Sampler[int]) -> None:
        self._sampler = sampler

    def __iter__(self) -> Iterator[Indices]:
        yield np.fromiter(self._sampler, np.int64)  # to the sampler's end, as it draws once more there


class _Positions(Dataset[Indices]):
    """A torch data set whose items are their own indices, read a whole batch at a time."""

    def __init__(self, samples: int) -> None:
        self._samples = samples

    def __len__(self) -> int:
        return self._samples

    def __getitems__(self, indices: Indices) -> Indices:
        return indices
