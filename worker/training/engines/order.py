"""An epoch's order and augmentation, drawn before it begins: the reference loader's draws, without its batches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Generator, Tensor
from torch.utils.data import BatchSampler, DataLoader, Dataset, RandomSampler, SequentialSampler

from worker.training.augment import draw
from worker.training.plan import TrainingPlan


@dataclass(frozen=True)
class Draws:
    """One epoch's.

    Attributes:
        order: index of each sample in the split, as it is met, (N) int64.
        augmentation: for each of the plan's steps what it draws for each sample, in that order.
        start: state of the generators before anything of this epoch was drawn.
    """

    order: Tensor
    augmentation: tuple[Tensor, ...]
    start: dict[str, Tensor]


class Order:
    """Draws epoch after epoch. To go on within one, go back to its start and draw it again."""

    def __init__(self, plan: TrainingPlan, samples: int) -> None:
        self._plan, self._samples = plan, samples
        self._order = Generator().manual_seed(plan.seed)
        self._augmentation = Generator().manual_seed(plan.seed)
        positions = _Positions(samples)
        sampler = RandomSampler(positions, generator=self._order) if plan.shuffle else SequentialSampler(positions)
        # torch's own loader, so that whatever it draws besides the permutation is drawn here too. The permutation does
        # not depend on the batch size: one batch takes it all.
        self._loader: DataLoader[Any] = DataLoader(
            positions,
            batch_sampler=BatchSampler(sampler, samples, drop_last=False),
            collate_fn=torch.tensor,
            generator=self._order,
        )

    def next_epoch(self) -> Draws:
        """The next epoch's draws."""
        start = self.state()
        (order,) = self._loader
        return Draws(order, self._augmentations(), start)

    def state(self) -> dict[str, Tensor]:
        """Both generators."""
        return {"order": self._order.get_state(), "augmentation": self._augmentation.get_state()}

    def restore(self, state: dict[str, Tensor]) -> None:
        """Go back to that state."""
        self._order.set_state(state["order"])
        self._augmentation.set_state(state["augmentation"])

    def _augmentations(self) -> tuple[Tensor, ...]:
        """Drawn batch by batch, as the reference does: one large draw would give other numbers."""
        steps, size = self._plan.augment, self._plan.batch_size
        if not steps:
            return ()
        counts = (min(size, self._samples - first) for first in range(0, self._samples, size))
        batches = [[draw(step, count, self._augmentation) for step in steps] for count in counts]
        return tuple(torch.cat(drawn) for drawn in zip(*batches, strict=True))


class _Positions(Dataset[list[int]]):
    """A data set of its own indices, asked for whole batches."""

    def __init__(self, samples: int) -> None:
        self._samples = samples

    def __len__(self) -> int:
        return self._samples

    def __getitems__(self, indices: list[int]) -> list[int]:
        return indices
