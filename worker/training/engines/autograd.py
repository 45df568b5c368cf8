"""Any network, through autograd: what is saved is everything around it."""

from __future__ import annotations

from collections.abc import Callable
from itertools import takewhile
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from worker.training.datasets import LoadedDataset
from worker.training.devices import precision
from worker.training.engines.quick_linear import quicken
from worker.training.engines.resident import ResidentTraining, ResidentValidation
from worker.training.losses import mean_loss
from worker.training.networks import build_network
from worker.training.optimizers import build_optimizer, set_learning_rate
from worker.training.plan import LayersPlan, TrainingPlan
from worker.training.tally import Tally


class ResidentEngine:
    """Data resident and normalised once, no DataLoader, the optimizer in its fused form; a boundary after each batch.

    Convolutions run with the channels last, which their kernels want: one and a half times as fast on a CPU.
    """

    name: ClassVar[str] = "resident"

    @staticmethod
    def fits(plan: TrainingPlan, device: torch.device) -> bool:
        """Everything, everywhere."""
        del plan, device
        return True

    def __init__(self, plan: TrainingPlan, data: LoadedDataset, device: torch.device) -> None:
        self._plan, self._device = plan, device
        torch.manual_seed(plan.seed)
        network = build_network(plan, data.input_shape).to(device)
        self._layout = _layout(plan)
        self.network: nn.Module = self._layout.network(network)
        if device.type == "cpu" and plan.precision != "bf16":
            quicken(network)
        self._optimizer = build_optimizer(plan.optimizer, network.parameters(), fused=True)
        self._training = ResidentTraining(plan, data, device, self._layout.kept)
        self._validation = ResidentValidation(plan, data, device, self._layout.kept)

    def run_epoch(self, tally: Tally, lr: float, boundary: Callable[[], None]) -> None:
        """See `Engine.run_epoch`."""
        set_learning_rate(self._optimizer, lr)
        self._training.begin_epoch()
        self.network.train()
        size, samples = self._plan.batch_size, len(self._training)
        for first in range(tally.batches * size, samples, size):
            rows, labels = self._training.rows(first, min(first + size, samples))
            scores, loss = self._step(self._layout.images(rows), labels)
            tally.add(loss, scores, labels)
            boundary()

    def validation_scores(self, between: Callable[[], None]) -> Tensor:
        """See `Engine.validation_scores`."""
        self.network.eval()
        scores = []
        for rows in self._validation:
            with torch.inference_mode(), precision(self._plan, self._device):
                scores.append(self.network(self._layout.images(rows)).float())
            between()
        return torch.cat(scores).cpu()

    def sample_batch(self) -> tuple[Tensor, Tensor]:
        """See `Engine.sample_batch`."""
        rows, labels = self._training.first(self._plan.batch_size)
        return self._layout.images(rows), labels

    def state(self) -> dict[str, Any]:
        """Network, optimizer and order."""
        return {
            "network": self.network.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "order": self._training.state(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Network, optimizer and order."""
        self.network.load_state_dict(state["network"])
        self._optimizer.load_state_dict(state["optimizer"])
        self._training.restore(state["order"])

    def _step(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        with precision(self._plan, self._device):
            scores = self.network(images)
            loss = mean_loss(scores, labels, self._plan.label_smoothing)
        self._optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self._optimizer.step()
        return scores.detach(), loss.detach()


class _AsTheyAre:
    """Images (N, C, H, W) as everywhere else."""

    @staticmethod
    def network(network: nn.Module) -> nn.Module:
        return network

    @staticmethod
    def kept(images: Tensor) -> Tensor:
        return images

    @staticmethod
    def images(rows: Tensor) -> Tensor:
        return rows


class _ChannelsLast(_AsTheyAre):
    """Images are kept as (N, H, W, C), so that picking some leaves the channels last."""

    @staticmethod
    def network(network: nn.Module) -> nn.Module:
        return network.to(memory_format=torch.channels_last)

    @staticmethod
    def kept(images: Tensor) -> Tensor:
        return images.permute(0, 2, 3, 1).contiguous()

    @staticmethod
    def images(rows: Tensor) -> Tensor:
        return rows.permute(0, 3, 1, 2)


def _layout(plan: TrainingPlan) -> _AsTheyAre:
    """Channels last for what convolves, unless dropout works on images: it would draw in that order too."""
    kinds = [layer.kind for layer in plan.architecture.layers] if isinstance(plan.architecture, LayersPlan) else []
    images = list(takewhile(lambda kind: kind != "flatten", kinds))
    return _ChannelsLast() if "conv2d" in images and "dropout" not in images else _AsTheyAre()
