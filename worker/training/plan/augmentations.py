"""Plans of random changes of the training images; `data.augmentation` applies them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, TypeAlias

PaddingMode: TypeAlias = Literal["constant", "reflect"]


@dataclass(frozen=True)
class FlipPlan:
    """Mirror half of the images left to right."""

    kind: ClassVar[str] = "flip"


@dataclass(frozen=True)
class CropPlan:
    """Pad each image by `padding` pixels on each side, and cut its original size out at a random offset."""

    kind: ClassVar[str] = "crop"
    padding: int = 4
    padding_mode: PaddingMode = "constant"


@dataclass(frozen=True)
class CutoutPlan:
    """Make a square of `size` pixels a side black, at a random place in each image."""

    kind: ClassVar[str] = "cutout"
    size: int = 8


@dataclass(frozen=True)
class ColorJitterPlan:
    """Change brightness, contrast, saturation and hue by at most these amounts, in a random order."""

    kind: ClassVar[str] = "color_jitter"
    brightness: float = 0.0
    contrast: float = 0.0
    saturation: float = 0.0
    hue: float = 0.0


AugmentPlan: TypeAlias = FlipPlan | CropPlan | CutoutPlan | ColorJitterPlan
