"""The notebook's training loop, written out plainly: what every job's losses are held against.

It knows nothing of Flightline's training code: a list of image tensors, a DataLoader, a Sequential, SGD. It adds to the
notebook only what makes a run repeatable: a seed right before the network, and the loader's own generator.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader
from torchvision import transforms

Samples = list[tuple[Tensor, int]]

MEAN, STD = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)
LEARNING_RATE, BATCH_SIZE = 1e-2, 64


@dataclass(frozen=True)
class NotebookEpoch:
    """An epoch's mean loss over its samples, the loss of its last batch, and validation accuracy over all samples."""

    train_loss: float
    last_batch_loss: float
    val_accuracy: float


def linear() -> nn.Sequential:
    """One hidden layer and log-probabilities."""
    return nn.Sequential(nn.Linear(3072, 512), nn.Tanh(), nn.Linear(512, 2), nn.LogSoftmax(dim=1))


def tapered() -> nn.Sequential:
    """Three hidden layers, ever narrower, and log-probabilities."""
    return nn.Sequential(*tapered_logits(), nn.LogSoftmax(dim=1))


def tapered_logits() -> nn.Sequential:
    """The same without the log-probabilities."""
    return nn.Sequential(
        nn.Linear(3072, 1024),
        nn.Tanh(),
        nn.Linear(1024, 512),
        nn.Tanh(),
        nn.Linear(512, 128),
        nn.Tanh(),
        nn.Linear(128, 2),
    )


NETWORKS: dict[str, tuple[Callable[[], nn.Sequential], nn.Module]] = {
    "notebook-linear": (linear, nn.NLLLoss()),
    "notebook-tapered": (tapered, nn.NLLLoss()),
    "notebook-tapered-logits": (tapered_logits, nn.CrossEntropyLoss()),
}
"""Each network and its loss, by the name of Flightline's preset."""


def samples(images: Tensor, labels: Tensor) -> Samples:
    """Images (N, 3, 32, 32) uint8 and labels as the notebook holds them: normalised tensors, plain numbers."""
    to_image, to_tensor = transforms.ToPILImage(), transforms.ToTensor()
    normalize = transforms.Normalize(mean=MEAN, std=STD)
    pairs = zip(images, labels.tolist(), strict=True)
    return [(normalize(to_tensor(to_image(image))), label) for image, label in pairs]


def train(name: str, train_set: Samples, val_set: Samples, seed: int, epochs: int) -> Iterator[NotebookEpoch]:
    """Train one of the three networks on the CPU, epoch by epoch."""
    order = torch.Generator().manual_seed(seed)
    loader: DataLoader[Any] = DataLoader(train_set, batch_size=BATCH_SIZE, shuffle=True, generator=order)  # type: ignore[arg-type]
    make, loss_function = NETWORKS[name]
    torch.manual_seed(seed)
    network = make()
    optimizer = torch.optim.SGD(network.parameters(), lr=LEARNING_RATE)
    for _ in range(epochs):
        total = 0.0
        for images, labels in loader:
            outputs = network(images.view(len(images), -1))
            loss = loss_function(outputs, labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(images)
        yield NotebookEpoch(total / len(train_set), loss.item(), accuracy(network, val_set))


def accuracy(network: nn.Module, val_set: Samples) -> float:
    """Share of samples that the network gets right; unlike in the notebook, the short last batch counts."""
    images = torch.stack([image for image, _ in val_set]).flatten(1)
    labels = torch.tensor([label for _, label in val_set])
    with torch.no_grad():
        return int((network(images).argmax(1) == labels).sum()) / len(labels)
