"""How a network is trained, as JSON: optimizers, schedules, augmentations, stopping early."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from shared.jobspec.fields.base import Part

LearningRate = Annotated[float, Field(gt=0, le=1000)]
Fraction = Annotated[float, Field(ge=0, lt=1)]
WeightDecay = Annotated[float, Field(ge=0, le=100)]
Betas = Annotated[tuple[Fraction, Fraction], Field(strict=False)]
Epsilon = Annotated[float, Field(gt=0, le=1)]
JitterRange = Annotated[float, Field(ge=0, le=10)]


class Sgd(Part):
    """Stochastic gradient descent, as `torch.optim.SGD`."""

    kind: Literal["sgd"]
    lr: LearningRate = 0.01
    """Learning rate at the start."""
    momentum: Fraction = 0.0
    """Part of the last step that is taken again."""
    nesterov: bool = False
    """Whether the gradient is looked up ahead; needs a momentum."""
    weight_decay: WeightDecay = 0.0
    """L2 penalty, added to the gradient."""


class Adam(Part):
    """Adam, as `torch.optim.Adam`."""

    kind: Literal["adam"]
    lr: LearningRate = 0.001
    """Learning rate at the start."""
    betas: Betas = (0.9, 0.999)
    """Decay of the running means of the gradient and of its square."""
    eps: Epsilon = 1e-8
    """Added to the denominator."""
    weight_decay: WeightDecay = 0.0
    """L2 penalty, added to the gradient."""


class AdamW(Part):
    """Adam with decoupled weight decay, as `torch.optim.AdamW`."""

    kind: Literal["adamw"]
    lr: LearningRate = 0.001
    """Learning rate at the start."""
    betas: Betas = (0.9, 0.999)
    """Decay of the running means of the gradient and of its square."""
    eps: Epsilon = 1e-8
    """Added to the denominator."""
    weight_decay: WeightDecay = 0.01
    """Part of each weight, times the learning rate, that is taken off at a step."""


class RmsProp(Part):
    """RMSprop, as `torch.optim.RMSprop`."""

    kind: Literal["rmsprop"]
    lr: LearningRate = 0.01
    """Learning rate at the start."""
    alpha: Fraction = 0.99
    """Decay of the running mean of the gradient's square."""
    eps: Epsilon = 1e-8
    """Added to the denominator."""
    weight_decay: WeightDecay = 0.0
    """L2 penalty, added to the gradient."""
    momentum: Fraction = 0.0
    """Part of the last step that is taken again."""
    centered: bool = False
    """Whether the gradient is divided by its deviation, not by the root of its mean square."""


class NAdam(Part):
    """Adam with Nesterov's momentum, as `torch.optim.NAdam`."""

    kind: Literal["nadam"]
    lr: LearningRate = 0.002
    """Learning rate at the start."""
    betas: Betas = (0.9, 0.999)
    """Decay of the running means of the gradient and of its square."""
    eps: Epsilon = 1e-8
    """Added to the denominator."""
    weight_decay: WeightDecay = 0.0
    """L2 penalty, added to the gradient."""
    momentum_decay: Fraction = 0.004
    """How fast the momentum grows to the first of `betas`, from half of it."""


class Constant(Part):
    """The same learning rate in every epoch."""

    kind: Literal["constant"]


class Step(Part):
    """The learning rate is multiplied by `gamma` after every `step_epochs` epochs, as `StepLR`."""

    kind: Literal["step"]
    step_epochs: Annotated[int, Field(ge=1, le=1_000_000)] = 30
    """Epochs between two cuts."""
    gamma: Annotated[float, Field(gt=0, le=1)] = 0.1
    """Factor of each cut."""


class Cosine(Part):
    """Half a cosine from `lr` in the first epoch towards `min_lr` after the last, as `CosineAnnealingLR`."""

    kind: Literal["cosine"]
    min_lr: Annotated[float, Field(ge=0, le=1000)] = 0.0
    """Learning rate that the curve ends in."""


class OneCycle(Part):
    """Up to `lr` and down again over the whole run, changing after every step, as `OneCycleLR`."""

    kind: Literal["one_cycle"]
    pct_start: Annotated[float, Field(ge=0, le=1)] = 0.3
    """Part of the run in which the learning rate rises."""
    anneal_strategy: Literal["cos", "linear"] = "cos"
    """Whether it follows half a cosine or a line, each way."""
    div_factor: Annotated[float, Field(ge=1, le=1e9)] = 25.0
    """How many times lower than `lr` it starts."""
    final_div_factor: Annotated[float, Field(ge=1, le=1e9)] = 10_000.0
    """How many times lower than at the start it ends."""


class WarmupCosine(Part):
    """Up to `lr` in a line, then down half a cosine to `min_lr`, changing after every step."""

    kind: Literal["warmup_cosine"]
    warmup_epochs: Annotated[float, Field(ge=0, le=1_000_000)] = 5.0
    """Epochs, or parts of one, in which the learning rate rises; fewer than the job's."""
    min_lr: Annotated[float, Field(ge=0, le=1000)] = 0.0
    """Learning rate that the curve ends in."""


class ColorJitter(Part):
    """Changes each image's colours by random amounts, in a random order, as torchvision's `ColorJitter`."""

    kind: Literal["color_jitter"]
    brightness: JitterRange = 0.0
    """The brightness is multiplied by a number from 1 - this, at least 0, to 1 + this."""
    contrast: JitterRange = 0.0
    """The same for the distance from the image's mean grey."""
    saturation: JitterRange = 0.0
    """The same for the distance from each pixel's own grey; images of one channel have none."""
    hue: Annotated[float, Field(ge=0, le=0.5)] = 0.0
    """The hue turns by up to this part of the circle, either way; images of one channel have none."""


class Flip(Part):
    """Mirrors each image left to right with probability one half."""

    kind: Literal["flip"]


class Crop(Part):
    """Pads each image and cuts the original size out at a random place, as torchvision's `RandomCrop`."""

    kind: Literal["crop"]
    padding: Annotated[int, Field(ge=1, le=16)] = 4
    """Pixels on each side."""
    padding_mode: Literal["constant", "reflect"] = "constant"
    """What they are: black, or the image mirrored in its outermost pixels."""


class Cutout(Part):
    """Makes a square in each image black, its centre anywhere in the image (DeVries and Taylor, 2017)."""

    kind: Literal["cutout"]
    size: Annotated[int, Field(ge=1)] = 8
    """Pixels of each side of the square, at most the image's; what of it lies outside the image is lost."""


class EarlyStopping(Part):
    """Ends the training when the monitored figure has not improved for a while."""

    monitor: Literal["val_loss", "val_accuracy", "train_loss"] = "val_loss"
    """The figure: a loss should fall, an accuracy should rise."""
    patience: Annotated[int, Field(ge=1, le=1_000_000)] = 10
    """Epochs without an improvement that are waited for."""
    min_delta: Annotated[float, Field(ge=0, le=1000)] = 0.0
    """Least change that counts as an improvement."""


class MovingAverage(Part):
    """An exponential moving average of the weights, which is validated and kept in their place."""

    kind: Literal["ema"]
    decay: Fraction = 0.99
    """Part of the average that each step leaves; less in the first steps, of which there are few to average."""


Optimizer = Annotated[Sgd | Adam | AdamW | RmsProp | NAdam, Field(discriminator="kind")]
Schedule = Annotated[Constant | Step | Cosine | OneCycle | WarmupCosine, Field(discriminator="kind")]
Augmentation = Annotated[Flip | Crop | Cutout | ColorJitter, Field(discriminator="kind")]


class Training(Part):
    """The recipe."""

    epochs: Annotated[int, Field(ge=1)] = 100
    """Passes over the training split."""
    batch_size: Annotated[int, Field(ge=1)] = 64
    """Samples in a step; the last batch of an epoch may be shorter."""
    shuffle: bool = True
    """Whether each epoch has its own order."""
    seed: Annotated[int, Field(ge=0, le=2**32 - 1)] = 0
    """Decides initial weights, order, dropout and augmentation."""
    loss: Literal["auto", "nll", "cross_entropy"] = "auto"
    """Follows from the architecture's output; a clashing one is refused."""
    label_smoothing: Fraction = 0.0
    """Probability that is spread evenly over all classes."""
    precision: Literal["fp32", "tf32", "bf16"] = "fp32"
    """Arithmetic of the products; weights are kept in fp32."""
    optimizer: Optimizer = Sgd(kind="sgd")
    """What makes a step of a gradient."""
    schedule: Schedule = Constant(kind="constant")
    """How the learning rate changes."""
    augment: Annotated[tuple[Augmentation, ...], Field(strict=False)] = ()
    """Random changes of the training images, in this order."""
    early_stopping: EarlyStopping | None = None
    """When to end before the last epoch; null never does."""
    weight_average: MovingAverage | None = None
    """What is validated and kept instead of the last step's weights; null keeps those."""
    engine: Literal["auto", "reference", "fused", "resident", "graphs"] = "auto"
    """Which implementation of the same loop runs it. `reference`: plain PyTorch. `fused`: without autograd, for fully
    connected networks without a weight_average on a CPU. `resident`: with the data on the device. `graphs`: whole steps
    as CUDA graphs. `auto`: the fastest that fits, so on a GPU graphs."""
