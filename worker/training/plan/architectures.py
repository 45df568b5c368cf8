"""Plans of a network's architecture: fully connected, layer by layer, or one of torchvision's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, TypeAlias

from worker.training.plan.layers import ActivationName, LayerPlan

Output: TypeAlias = Literal["log_softmax", "logits", "softmax"]


@dataclass(frozen=True)
class MlpPlan:
    """Fully connected layers of these widths, the activation after each, then a last layer of one score per class."""

    kind: ClassVar[str] = "mlp"
    hidden: tuple[int, ...]
    activation: ActivationName = "tanh"
    output: Output = "log_softmax"


@dataclass(frozen=True)
class LayersPlan:
    """A network layer by layer; the last one gives one score per class."""

    kind: ClassVar[str] = "layers"
    layers: tuple[LayerPlan, ...]
    output: Output = "log_softmax"


@dataclass(frozen=True)
class TorchvisionPlan:
    """A network of torchvision, one of `network.torchvision.NAMES`."""

    kind: ClassVar[str] = "torchvision"
    network: str
    output: Output = "log_softmax"


ArchitecturePlan: TypeAlias = MlpPlan | LayersPlan | TorchvisionPlan
