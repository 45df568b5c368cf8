"""Training any network through autograd, without the host's work around each batch."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar, assert_never

import torch
from torch import Tensor, nn
from typing_extensions import override

from worker.training.device import precision
from worker.training.engines.fused.updates import each_rate, rates_for
from worker.training.engines.resident.blocks import recorded_batches
from worker.training.engines.resident.loop import Program, ResidentLoop
from worker.training.engines.resident.quick_linear import quicken
from worker.training.evaluation import BATCH_SIZE
from worker.training.network.torchvision import DROPOUT_ON_IMAGES
from worker.training.optim.averaging import average_of
from worker.training.optim.losses import mean_loss
from worker.training.optim.optimizers import Optimizer, Rate
from worker.training.plan import (
    ArchitecturePlan,
    Conv2dPlan,
    DropoutPlan,
    FlattenPlan,
    GlobalAvgPoolPlan,
    LayerPlan,
    LayersPlan,
    MlpPlan,
    ResidualPlan,
    TorchvisionPlan,
    TrainingPlan,
    WhiteningPlan,
)


class AutogradProgram(Program):
    """The reference's step, with the optimizer in its fused form.

    Convolutions run with the channels last, which their kernels want: one and a half times as fast on a CPU.
    """

    predicted = BATCH_SIZE

    def __init__(self, plan: TrainingPlan, network: nn.Module, device: torch.device, *, recorded: bool) -> None:
        self._plan, self._device, self._trained, self._recorded = plan, device, network, recorded
        self.batches = recorded_batches(plan) if recorded else 1
        self._channels_last = _channels_last(plan.architecture)
        if self._channels_last:
            network.to(memory_format=torch.channels_last)
        if device.type == "cpu" and plan.precision != "bf16":
            quicken(network)
        self._average = average_of(plan.weight_average, network, recorded=recorded)
        self.network = self._average.network
        self._optimizer = Optimizer(plan.optimizer, network.parameters())

    @override
    def rows(self, images: Tensor) -> Tensor:
        """Images as the program stores them: (N, H, W, C) for channels last, so that picking rows keeps the layout."""
        return images.permute(0, 2, 3, 1).contiguous() if self._channels_last else images

    @override
    def images(self, rows: Tensor) -> Tensor:
        return rows.permute(0, 3, 1, 2) if self._channels_last else rows

    @override
    def rates(self, rates: Sequence[float]) -> Tensor:
        return rates_for(rates, self._device, recorded=self._recorded)

    @override
    def train_on(self, rows: Tensor, labels: Tensor, rates: Tensor) -> tuple[Tensor, Tensor]:
        self._trained.train()
        size = self._plan.batch_size
        batches = zip(
            torch.split(self.images(rows), size),
            torch.split(labels, size),
            each_rate(rates, recorded=self._recorded),
            strict=True,
        )
        losses, correct = zip(*(self._step(*batch) for batch in batches), strict=True)
        return torch.stack(losses), torch.stack(correct).sum()

    @override
    def predict(self, rows: Tensor) -> Tensor:
        self.network.eval()
        with torch.no_grad(), precision(self._plan, self._device):
            scores: Tensor = self.network(self.images(rows))
        return scores.float()

    @override
    def buffers(self) -> list[Tensor]:
        return self._optimizer.buffers()

    @override
    def state(self) -> dict[str, Any]:
        return {"optimizer": self._optimizer.state(), "average": self._average.state()}

    @override
    def restore(self, state: dict[str, Any]) -> None:
        self._optimizer.restore(state["optimizer"])
        self._average.restore(state["average"])

    def _step(self, images: Tensor, labels: Tensor, rate: Rate) -> tuple[Tensor, Tensor]:
        with precision(self._plan, self._device):
            scores = self._trained(images)
            loss = mean_loss(scores, labels, self._plan.label_smoothing)
        self._optimizer.set_learning_rate(rate)
        self._optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self._optimizer.step()
        self._average.update()
        return loss.detach(), (scores.detach().argmax(1) == labels).sum()


class ResidentEngine(ResidentLoop):
    """Any network, on any device; a boundary after each batch."""

    name: ClassVar[str] = "resident"

    @staticmethod
    @override
    def fits(plan: TrainingPlan, device: torch.device) -> bool:
        del plan, device
        return True

    @staticmethod
    @override
    def program(plan: TrainingPlan, network: nn.Module, device: torch.device) -> Program:
        return AutogradProgram(plan, network, device, recorded=False)


def _channels_last(architecture: ArchitecturePlan) -> bool:
    """Whether to run with channels last: what convolves does, unless dropout on images would draw in that order."""
    match architecture:
        case MlpPlan():
            return False
        case TorchvisionPlan():
            return architecture.network not in DROPOUT_ON_IMAGES
        case LayersPlan():
            on_images = _on_images(architecture.layers)
            convolves = any(isinstance(layer, Conv2dPlan | WhiteningPlan) for layer in on_images)
            return convolves and not any(isinstance(layer, DropoutPlan) for layer in on_images)
        case _:
            assert_never(architecture)


def _on_images(layers: Iterable[LayerPlan]) -> list[LayerPlan]:
    """Those of the layers that work on images: up to the first that gives features, inside residual blocks too."""
    found: list[LayerPlan] = []
    for layer in layers:
        inner = _on_images(layer.layers) if isinstance(layer, ResidualPlan) else []
        beside = _on_images(layer.shortcut) if isinstance(layer, ResidualPlan) else []
        found += [layer, *inner, *beside]
        if any(isinstance(each, FlattenPlan | GlobalAvgPoolPlan) for each in (layer, *inner)):
            break
    return found
