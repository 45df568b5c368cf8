"""The notebook's loop on a device, as it stands there: pinned memory, non-blocking copies, a DataLoader over a list."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from worker.training.data import LoadedDataset, Split
from worker.training.data.loader import normalizer
from worker.training.network.build import fresh_network
from worker.training.plan import TrainingPlan

Samples = list[tuple[Tensor, int]]


@dataclass(frozen=True)
class NotebookRun:
    """Seconds of each epoch of training, and those of the one evaluation after the last."""

    epochs: list[float]
    evaluation: float


def run(plan: TrainingPlan, data: LoadedDataset, device: torch.device, epochs: int) -> NotebookRun:
    """Train the plan's network for some epochs, in its batch size, by plain SGD in fp32 without augmentation."""
    pinned = device.type == "cuda"
    loader, val_loader = (_loader(_samples(plan, data, split), plan.batch_size, pinned) for split in _splits(data))
    model = nn.Sequential(fresh_network(plan, data), nn.LogSoftmax(dim=1)).to(device)
    optimizer, loss_fn = torch.optim.SGD(model.parameters(), lr=plan.optimizer.lr), nn.NLLLoss()
    seconds = [_seconds(_epoch(loader, model, optimizer, loss_fn, device)) for _ in range(epochs)]
    return NotebookRun(seconds, _seconds(_evaluation(val_loader, model, device)))


def _epoch(
    loader: DataLoader[tuple[Tensor, Tensor]],
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    loss_fn: nn.Module,
    device: torch.device,
) -> Iterator[float]:
    for batch, batch_labels in loader:
        imgs = batch.to(device, non_blocking=True)
        labels = batch_labels.to(device, non_blocking=True)
        loss = loss_fn(model(imgs), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    yield loss.item()


@torch.no_grad()
def _evaluation(loader: DataLoader[tuple[Tensor, Tensor]], model: nn.Module, device: torch.device) -> Iterator[float]:
    correct = 0
    for batch, batch_labels in loader:
        labels = batch_labels.to(device, non_blocking=True)
        correct += int((model(batch.to(device, non_blocking=True)).argmax(1) == labels).sum())
    yield correct


def _seconds(work: Iterator[float]) -> float:
    began = time.perf_counter()
    for _ in work:
        pass
    return time.perf_counter() - began


def _splits(data: LoadedDataset) -> tuple[Split, Split]:
    return data.train, data.val


def _samples(plan: TrainingPlan, data: LoadedDataset, split: Split) -> Samples:
    images = normalizer(plan, data)(split.images)
    return list(zip(images.unbind(), split.labels.tolist(), strict=True))


def _loader(samples: Samples, batch_size: int, pinned: bool) -> DataLoader[tuple[Tensor, Tensor]]:
    return DataLoader(samples, batch_size=batch_size, shuffle=True, pin_memory=pinned)  # type: ignore[arg-type]
